from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Messages")

    def ready(self) -> None:
        # What registers itself with the outbox, the relay and the system checks is imported for that.
        from loyalty_site.jobs import delivery
        from notifications import checks as checks
        from notifications import dispatch, hooks, personal_data, tracking
        from notifications import subscribers as subscribers
        from notifications.channels import base, registering
        from notifications.channels import checks as channel_checks  # noqa: F401
        from notifications.channels.email import EmailChannel
        from notifications.models import Channel
        from notifications.nudges import attempts
        from notifications.nudges import personal_data as personal_data_of_nudges
        from notifications.operations import queueing
        from notifications.webhooks import personal_data as webhook_data
        from notifications.webhooks import sending as webhooks
        from notifications.webhooks import subscribers as webhook_subscribers
        from notifications.webhooks import waking

        personal_data.register()
        personal_data_of_nudges.register()
        base.register(Channel.EMAIL, EmailChannel)
        registering.register()
        # Providers may be slow: the news of others does not wait for them.
        delivery.register("messages", dispatch.drain, channels=[queueing.BELL], apart=True)
        webhook_data.register()
        webhook_subscribers.subscribe()
        delivery.register("webhooks", webhooks.drain, channels=[waking.CHANNEL], apart=True)
        tracking.connect()
        hooks.on_attempt(attempts.record)
        post_migrate.connect(_seed_templates, sender=self)


def _seed_templates(apps: Any, **_more: Any) -> None:
    """New releases bring new texts: `migrate` leaves the defaults as this release has them."""
    from notifications.operations import templates

    # Not there where somebody migrated back behind it.
    if ("notifications", "messagetemplate") in {
        (each._meta.app_label, each._meta.model_name) for each in apps.get_models()
    }:
        templates.seed()
