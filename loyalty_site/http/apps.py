from django.apps import AppConfig


class HttpConfig(AppConfig):
    name = "loyalty_site.http"
    label = "http"

    def ready(self) -> None:
        from loyalty_site.http import grants, openapi, personal_data  # noqa: F401

        grants.declare()
        personal_data.register()
