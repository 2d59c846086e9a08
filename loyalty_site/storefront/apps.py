from django.apps import AppConfig


class StorefrontConfig(AppConfig):
    name = "loyalty_site.storefront"
    label = "storefront"
