"""Which channels send, and which do not for lack of credentials: for people who wonder where a message is."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from notifications.channels.email import EmailChannel
from notifications.channels.fcm import FcmChannel
from notifications.channels.sms import SmsChannel
from notifications.channels.webpush import WebPushChannel


@dataclass(frozen=True, slots=True)
class States:
    """Names of channels. `off`: their messages are skipped. `kept`: written down on this machine, and sent nowhere."""

    off: list[Any]
    kept: list[Any]


def states() -> States:
    """As settings have it now; nobody is called."""
    off: list[Any] = [] if EmailChannel().is_on() else [_("E-mail")]
    kept: list[Any] = []
    # What is written down instead, and where nothing of the channel is on alone (notifications/channels/sink.py).
    instead = kept if settings.MESSAGE_SINK else off
    if not SmsChannel().is_on():
        instead.append(_("Text messages"))
    apps, browsers = FcmChannel().is_on(), WebPushChannel().is_on()
    pushes = off if apps or browsers else instead
    if not apps:
        pushes.append(_("Pushes to apps"))
    if not browsers:
        pushes.append(_("Pushes to browsers"))
    return States(off, kept)
