from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from notifications import personal_data

        personal_data.register()
        post_migrate.connect(_seed_templates, sender=self)


def _seed_templates(apps: Any, **_more: Any) -> None:
    """New releases bring new texts: `migrate` leaves the defaults as this release has them."""
    from notifications.operations import templates

    # Not there where somebody migrated back behind it.
    if ("notifications", "messagetemplate") in {
        (each._meta.app_label, each._meta.model_name) for each in apps.get_models()
    }:
        templates.seed()
