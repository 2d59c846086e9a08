from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "loyalty_site.tenants"
    label = "tenants"
