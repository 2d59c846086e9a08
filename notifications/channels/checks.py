"""What `manage.py check` says of credentials that cannot be read; with --deploy, of channels that are off, too."""

from typing import Any

from django.conf import settings
from django.core import checks

from notifications.channels import webpush
from notifications.channels.fcm import FcmChannel
from notifications.channels.sms import SmsChannel


@checks.register("messages")
def credentials_can_be_read(**_: Any) -> list[checks.CheckMessage]:
    """Credentials that were given and are none: a channel that is off by mistake."""
    found: list[checks.CheckMessage] = []
    if settings.FCM_CREDENTIALS and not FcmChannel().is_on():
        hint = "It is the JSON of a Google service account's key file."
        found.append(checks.Error("FCM_CREDENTIALS cannot be read.", hint=hint, id="notifications.E001"))
    if settings.WEBPUSH_PRIVATE_KEY and (why := webpush.why_off()):
        found.append(checks.Error("Pushes to browsers are off.", hint=why, id="notifications.E002"))
    return found


@checks.register("messages", deploy=True)
def channels_are_set_up(**_: Any) -> list[checks.CheckMessage]:
    """A channel without credentials is off: no fault, but worth a line."""
    found: list[checks.CheckMessage] = []
    if not SmsChannel().is_on():
        hint = "Set SMS_ACCOUNT, SMS_TOKEN and SMS_FROM; until then text messages are skipped."
        found.append(checks.Info("Text messages are off.", hint=hint, id="notifications.I003"))
    if not settings.FCM_CREDENTIALS:
        hint = "Set FCM_CREDENTIALS; until then pushes to apps are skipped."
        found.append(checks.Info("Pushes to apps are off.", hint=hint, id="notifications.I004"))
    if not settings.WEBPUSH_PRIVATE_KEY:
        hint = "`manage.py webpush_keys` makes a key; until then pushes to browsers are skipped."
        found.append(checks.Info("Pushes to browsers are off.", hint=hint, id="notifications.I005"))
    return found


@checks.register("messages", deploy=True)
def nothing_inside_is_called(**_: Any) -> list[checks.CheckMessage]:
    """What is for development alone must not stay on."""
    if not settings.OUTBOUND_ALLOW_PRIVATE:
        return []
    hint = "Merchants could have the platform call services of its own network. Unset OUTBOUND_ALLOW_PRIVATE."
    return [checks.Warning("Webhooks may go to private addresses.", hint=hint, id="notifications.W001")]
