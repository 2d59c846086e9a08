"""What `manage.py check --deploy` says of a set-up that sends nothing, or sends links that lead nowhere."""

from typing import Any

from django.conf import settings
from django.core import checks

from notifications.channels.email import EmailChannel


@checks.register("mail", deploy=True)
def mail_is_set_up(**_: Any) -> list[checks.CheckMessage]:
    """E-mail that is off, and messages without an address of the platform's own, are worth a line."""
    if not EmailChannel().is_on():
        hint = "Set EMAIL_URL or MAIL_PROVIDER; until then messages by e-mail are skipped."
        return [checks.Info("E-mail is off.", hint=hint, id="notifications.I001")]
    if not settings.PUBLIC_URL:
        hint = "Set PUBLIC_URL to the address under which members reach the platform, such as https://loyalty.example."
        return [checks.Info("Links in messages go by ALLOWED_HOSTS.", hint=hint, id="notifications.I002")]
    return []
