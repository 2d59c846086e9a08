from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "loyalty_site.jobs"
    label = "jobs"
