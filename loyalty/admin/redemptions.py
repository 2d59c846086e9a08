"""Redemptions: open ones are fulfilled or cancelled, closed ones are read."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.admin.deed_pages import DeedPages
from loyalty.admin.deeds import Deed, Done, KeyedForm
from loyalty.admin.entries import readable
from loyalty.models import Redemption
from loyalty.operations import redemptions
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.filters import PeriodFilter
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import User

_COLOURS: dict[str, str] = {
    Redemption.Status.REQUESTED: "info",
    Redemption.Status.FULFILLED: "success",
    Redemption.Status.FAILED: "danger",
    Redemption.Status.CANCELLED: "warning",
}


class CancelForm(KeyedForm):
    """Why the points are let go."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=500, widget=UnfoldAdminTextInputWidget)


def _fulfil(redemption: Redemption, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    done = redemptions.fulfil(redemption=redemption, at=at, actor=actor)
    return _said(done, f"Fulfilled, {done.points_cost:,} points spent")


def _cancel(redemption: Redemption, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    done = redemptions.cancel(redemption=redemption, at=at, reason=typed["reason"])
    return _said(done, f"Cancelled, {done.points_cost:,} points let go: {typed['reason']}")


def _fail(redemption: Redemption, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    done = redemptions.fail(redemption=redemption, at=at, reason=typed["reason"])
    return _said(done, f"Failed, {done.points_cost:,} points let go: {typed['reason']}")


def _said(redemption: Redemption, record: str) -> Done:
    # Two people may close one redemption at once: what stands there is what the first one did.
    said = _("The redemption is %(status)s.") % {"status": redemption.get_status_display().lower()}
    return Done(said, record=record, mark=f"{redemption.pk} {redemption.status}")


def _is_open(redemption: Redemption) -> bool:
    return redemption.status == Redemption.Status.REQUESTED


FULFIL = Deed(
    "fulfil",
    gettext_lazy("Fulfil"),
    gettext_lazy("Fulfil"),
    _fulfil,
    intro=gettext_lazy("The customer has what they asked for; the points held for it are spent."),
    possible=_is_open,
)
CANCEL = Deed(
    "cancel",
    gettext_lazy("Cancel the redemption"),
    gettext_lazy("Cancel the redemption"),
    _cancel,
    CancelForm,
    gettext_lazy("The points held for it are free again."),
    possible=_is_open,
)
FAIL = Deed(
    "fail",
    gettext_lazy("It cannot be fulfilled"),
    gettext_lazy("It cannot be fulfilled"),
    _fail,
    CancelForm,
    gettext_lazy(
        "Sold out, broken, forgotten: the points held for it are free again, and so is what it took of the stock."
    ),
    possible=_is_open,
)


@admin.register(Redemption)
class RedemptionAdmin(DeedPages):
    deeds = (FULFIL, FAIL, CANCEL)
    merchant_path = "merchant_id"
    list_display = ["requested_at", "member_link", "what", "points_cost", "shown_status", "shown_order", "store"]
    list_filter = ["status", "reward", "store", ("requested_at", PeriodFilter)]
    actions = ["fulfil_selected"]
    list_select_related = ["member", "reward", "store"]
    search_fields = ["=order_reference", "=metadata__order_id", "=member__card_number"]
    search_help_text = gettext_lazy("Order or card number")
    ordering = ["-id"]
    fields = [
        "shown_status",
        "member_link",
        "what",
        "points_cost",
        "quantity",
        "codes",
        "shown_order",
        "store",
        "actor",
        "requested_at",
        "fulfilled_at",
        "failed_at",
        "cancelled_at",
        "reason",
        "entry_link",
        "facts",
    ]
    readonly_fields = fields
    shown_if = {
        "codes": "gives_codes",
        "shown_order": "order",
        "store": "store_id",
        "actor": "actor_id",
        "fulfilled_at": "fulfilled_at",
        "failed_at": "failed_at",
        "cancelled_at": "cancelled_at",
        "reason": "reason",
        "entry_link": "entry_id",
        "facts": "metadata",
    }

    @display(description=gettext_lazy("member"))
    def member_link(self, redemption: Redemption) -> str:
        return format_html(
            '<a class="console-link" href="{}">{}</a>',
            reverse("admin:loyalty_member_change", args=[redemption.member_id]),
            redemption.member.card_number,
        )

    @display(description=gettext_lazy("reward"))
    def what(self, redemption: Redemption) -> str:
        return redemption.reward.name if redemption.reward is not None else "-"

    @display(description=gettext_lazy("order"), ordering="order_reference")
    def shown_order(self, redemption: Redemption) -> str:
        return redemption.order or "-"

    @display(description=gettext_lazy("codes"))
    def codes(self, redemption: Redemption) -> str:
        return ", ".join(code.code for code in redemption.codes.order_by("pk")) or "-"

    @admin.action(description=gettext_lazy("Fulfil"), permissions=["change"])
    def fulfil_selected(self, request: HttpRequest, queryset: QuerySet[Redemption]) -> None:
        """Each by itself: one that is refused keeps nobody else waiting, and what is closed is passed over."""
        actor = cast(User, request.user)
        done = 0
        for redemption in self.changeable(request, queryset).filter(status=Redemption.Status.REQUESTED):
            try:
                with transaction.atomic():
                    row = redemptions.fulfil(redemption=redemption, at=timezone.now(), actor=actor)
                    self.log_change(request, row, f"Fulfilled, {row.points_cost:,} points spent")
            except Refusal as refusal:
                messages.warning(request, f"{redemption.member.card_number}: {refusal.detail}")
            else:
                done += 1
        said = ngettext("%(count)s redemption fulfilled.", "%(count)s redemptions fulfilled.", done)
        (messages.success if done else messages.info)(request, said % {"count": done})

    @display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, redemption: Redemption) -> str:
        return pill(redemption.get_status_display(), _COLOURS.get(redemption.status))

    @display(description=gettext_lazy("entry"))
    def entry_link(self, redemption: Redemption) -> str:
        if redemption.entry_id is None:
            return "-"
        address = reverse("admin:loyalty_ledgerentry_change", args=[redemption.entry_id])
        return format_html('<a class="console-link" href="{}">{}</a>', address, _("the entry"))

    @display(description=gettext_lazy("facts"))
    def facts(self, redemption: Redemption) -> str:
        return readable(redemption.metadata)
