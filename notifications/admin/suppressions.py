"""Addresses that are not written to any more, and lifting that."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.admin.deed_pages import DeedPages
from loyalty.admin.deeds import Deed, Done, KeyedForm
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import User
from notifications.models import Suppression
from notifications.operations import suppressing


class LiftForm(KeyedForm):
    """Why the address is good again."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=UnfoldAdminTextInputWidget)


def _lift(suppression: Suppression, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    suppressing.lift(suppression=suppression, actor=actor, reason=typed["reason"], at=at)
    return Done(_("Messages go to this address again."), record=f"Lifted: {typed['reason']}", mark=typed["key"])


LIFT = Deed(
    "lift",
    gettext_lazy("Write to it again"),
    gettext_lazy("Write to it again"),
    _lift,
    LiftForm,
    gettext_lazy(
        "Do so when you know that the address works again, or its owner asked for it. Mail that bounces or is reported "
        "as spam once more is held against everything you send."
    ),
    is_grave=True,
    possible=lambda suppression: suppression.lifted_at is None,
)


@admin.register(Suppression)
class SuppressionAdmin(DeedPages):
    merchant_path = "merchant_id"
    deeds = (LIFT,)
    list_display = ["address", "merchant", "channel", "reason", "created_at", "state"]
    list_filter = ["channel", "reason", ("lifted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["merchant"]
    search_fields = ["address__startswith"]
    search_help_text = gettext_lazy("How the address begins")
    ordering = ["-id"]
    fields = [
        "state",
        "address",
        "channel",
        "reason",
        "detail",
        "created_at",
        "lifted_at",
        "lifted_by",
        "lifted_because",
    ]
    readonly_fields = fields
    shown_if = {
        "detail": "detail",
        "lifted_at": "lifted_at",
        "lifted_by": "lifted_at",
        "lifted_because": "lifted_at",
    }

    @display(description=gettext_lazy("state"))
    def state(self, suppression: Suppression) -> str:
        if suppression.lifted_at is not None:
            return pill(_("Lifted"), "info")
        return pill(_("Not written to"), "warning")
