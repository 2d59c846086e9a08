"""The deed "send again", of a message and of lines of the email log."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.forms import ActionForm

from loyalty.admin.deeds import Deed, Done, KeyedForm, new_key
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import User
from notifications.models import Delivery, Message
from notifications.operations import resending

# What a person waits for: a statement or three each.
MOST_AT_ONCE = 200


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


class KeyedActionForm(ActionForm):
    """The list's choice of an action, with a key: the same list sent twice counts once."""

    key = forms.CharField(widget=forms.HiddenInput, label="", required=False, initial=new_key)


def resend_all(model_admin: ModelAdmin, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
    """Send the messages of these lines again, once each, and tell the person how many.

    Each by itself: one that is refused keeps nobody else waiting. The key of the form makes it count once.
    """
    form = KeyedForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Nothing was sent. Open the list anew and choose again."))
        return
    chosen = list(deliveries.select_related("message__customer", "merchant").order_by("pk")[: MOST_AT_ONCE + 1])
    if len(chosen) > MOST_AT_ONCE:
        said = _("Choose at most %(count)s lines at a time; nothing was sent.") % {"count": MOST_AT_ONCE}
        messages.error(request, said)
        return
    key, at, done = form.cleaned_data["key"], timezone.now(), 0
    for delivery in chosen:
        try:
            with transaction.atomic():
                if resending.resend(message=delivery.message, key=key, channel=delivery.channel, at=at):
                    model_admin.log_change(request, delivery, f"Sent again [{key}]")
                    done += 1
        except Refusal as refusal:
            messages.warning(request, f"{delivery.code}, {delivery.recipient or '-'}: {refusal.detail}")
    said = ngettext("%(count)s message will be sent again.", "%(count)s messages will be sent again.", done)
    (messages.success if done else messages.info)(request, said % {"count": done})
