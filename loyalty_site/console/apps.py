from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "loyalty_site.console"
    label = "console"

    def ready(self) -> None:
        from loyalty_site.console import personal_data

        personal_data.register()
