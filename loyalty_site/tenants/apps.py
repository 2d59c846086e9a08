from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "loyalty_site.tenants"
    label = "tenants"
    verbose_name = _("Business")

    def ready(self) -> None:
        from loyalty_site.tenants import personal_data

        personal_data.register()
