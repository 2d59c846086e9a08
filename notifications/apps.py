from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Messages")

    def ready(self) -> None:
        # What registers itself with the outbox, the relay and the system checks is imported for that.
        from loyalty_site.jobs import delivery
        from notifications import checks as checks
        from notifications import dispatch, personal_data, tracking
        from notifications import subscribers as subscribers
        from notifications.channels import base
        from notifications.channels.email import EmailChannel
        from notifications.models import Channel
        from notifications.operations import queueing

        personal_data.register()
        base.register(Channel.EMAIL, EmailChannel)
        # Providers may be slow: the news of others does not wait for them.
        delivery.register("messages", dispatch.drain, channels=[queueing.BELL], apart=True)
        tracking.connect()
