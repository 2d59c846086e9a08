"""Django's admin app, with the console as its site."""

from django.contrib.admin.apps import AdminConfig


class ConsoleAdminConfig(AdminConfig):
    default = False
    default_site = "loyalty_site.console.site.ConsoleSite"
