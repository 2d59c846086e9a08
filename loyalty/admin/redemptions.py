"""Redemptions: open ones are fulfilled or cancelled, closed ones are read."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.admin.deeds import Deed, Done, KeyedForm, perform
from loyalty.admin.entries import readable
from loyalty.models import Redemption
from loyalty.operations import redemptions
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import User
from loyalty_site.tenants.scoping import MerchantScopedAdmin

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
DEEDS = (FULFIL, CANCEL)


@admin.register(Redemption)
class RedemptionAdmin(MerchantScopedAdmin):
    merchant_path = "merchant_id"
    list_display = ["requested_at", "member_link", "points_cost", "shown_status", "order_reference", "store"]
    list_filter = ["status", "store"]
    list_select_related = ["member", "store"]
    search_fields = ["=order_reference", "=member__card_number"]
    search_help_text = gettext_lazy("Order or card number")
    ordering = ["-id"]
    change_form_template = "admin/loyalty/redemption/page.html"
    fields = [
        "shown_status",
        "member_link",
        "points_cost",
        "quantity",
        "order_reference",
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
        "order_reference": "order_reference",
        "store": "store_id",
        "actor": "actor_id",
        "fulfilled_at": "fulfilled_at",
        "failed_at": "failed_at",
        "cancelled_at": "cancelled_at",
        "reason": "reason",
        "entry_link": "entry_id",
        "facts": "metadata",
    }

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @display(description=gettext_lazy("member"))
    def member_link(self, redemption: Redemption) -> str:
        return format_html(
            '<a class="console-link" href="{}">{}</a>',
            reverse("admin:loyalty_member_change", args=[redemption.member_id]),
            redemption.member.card_number,
        )

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

    def get_urls(self) -> list[Any]:
        deeds = [
            path(
                f"<path:object_id>/{deed.name}/",
                self.admin_site.admin_view(self.deed_view),
                {"deed": deed},
                name=f"loyalty_redemption_{deed.name}",
            )
            for deed in DEEDS
        ]
        return [*deeds, *super().get_urls()]

    def deed_view(self, request: HttpRequest, object_id: str, deed: Any) -> HttpResponse:
        redemption = self.get_object(request, object_id)
        if redemption is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        back = reverse("admin:loyalty_redemption_change", args=[redemption.pk])
        return perform(self, request, redemption, deed, back=back)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        redemption = self.get_object(request, object_id)
        may = redemption is not None and self.has_change_permission(request, redemption)
        context = {
            "deeds": [
                (deed, reverse(f"admin:loyalty_redemption_{deed.name}", args=[redemption.pk]))
                for deed in DEEDS
                if may and deed.possible(redemption)
            ],
            "show_save": False,
            "show_save_and_continue": False,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)
