from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from loyalty_site.jobs import delivery
        from notifications import personal_data
        from notifications.webhooks import sending, subscribers, waking

        personal_data.register()
        subscribers.subscribe()
        delivery.register("webhooks", sending.drain, channels=[waking.CHANNEL])
