from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "loyalty_site.console"
    label = "console"
