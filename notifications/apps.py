from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = _("Messages")

    def ready(self) -> None:
        from notifications import hooks, personal_data
        from notifications.nudges import attempts
        from notifications.nudges import personal_data as personal_data_of_nudges

        personal_data.register()
        personal_data_of_nudges.register()
        hooks.on_attempt(attempts.record)
