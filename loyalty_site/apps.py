from django.apps import AppConfig


class LoyaltySiteConfig(AppConfig):
    name = "loyalty_site"
    label = "loyalty_site"

    def ready(self) -> None:
        from loyalty_site import checks  # noqa: F401 (registers them)
