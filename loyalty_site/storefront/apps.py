from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StorefrontConfig(AppConfig):
    name = "loyalty_site.storefront"
    label = "storefront"
    verbose_name = _("Pages for members")

    def ready(self) -> None:
        from loyalty_site.storefront import personal_data

        personal_data.register()
