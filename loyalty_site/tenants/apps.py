from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "loyalty_site.tenants"
    label = "tenants"

    def ready(self) -> None:
        from loyalty_site.tenants import personal_data

        personal_data.register()
