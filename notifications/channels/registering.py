"""Which adapter serves which channel. A channel is a file one could delete, and its line here."""

from notifications.channels import base
from notifications.channels.push import PushChannel
from notifications.channels.sink import SinkOr
from notifications.channels.sms import SmsChannel
from notifications.models import Channel


def register() -> None:
    """Text messages and pushes; e-mail registers itself beside the sender."""
    base.register(Channel.SMS, lambda: SinkOr(Channel.SMS, SmsChannel()))
    base.register(Channel.PUSH, lambda: SinkOr(Channel.PUSH, PushChannel()))
