"""The deed "send again", of a message and of a line of the email log."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.admin.deeds import Deed, Done
from loyalty_site.tenants.models import User
from notifications.models import Delivery, Message
from notifications.operations import resending


def _resend(row: Message | Delivery, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    message = row if isinstance(row, Message) else row.message
    resending.resend(message=message, key=typed["key"], channel=row.channel, at=at)
    return Done(_("It will be sent again."), record="Sent again", mark=typed["key"])


def _has_ended(row: Message | Delivery) -> bool:
    message = row if isinstance(row, Message) else row.message
    return message.status not in Message.WAITING and bool(row.channel)


RESEND = Deed(
    "again",
    gettext_lazy("Send again"),
    gettext_lazy("Send again"),
    _resend,
    intro=gettext_lazy(
        "A new message with today's text goes to the address the member has now. Consent, channels switched off and "
        "suppressed addresses hold for it."
    ),
    possible=_has_ended,
)
