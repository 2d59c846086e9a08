"""Points that carry a date, to be read."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.models import PointLot
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin, ReadOnly

_COLOURS: dict[str, str] = {
    PointLot.Status.SCHEDULED: "info",
    PointLot.Status.CONSUMED: "success",
    PointLot.Status.EXPIRED: "danger",
    PointLot.Status.CANCELLED: "warning",
}


@admin.register(PointLot)
class PointLotAdmin(ReadOnly, MerchantScopedAdmin):
    merchant_path = "merchant_id"
    list_display = ["member_link", "expires_at", "points", "left", "shown_status", "warned_at"]
    list_filter = ["status"]
    list_select_related = ["member"]
    search_fields = ["=member__card_number"]
    search_help_text = _("Card number")
    ordering = ["-id"]
    fields = ["member_link", "points", "consumed", "left", "expires_at", "shown_status", "warned_at", "brought_by"]
    readonly_fields = fields

    @display(description=_("member"))
    def member_link(self, lot: PointLot) -> str:
        return format_html(
            '<a class="console-link" href="{}">{}</a>',
            reverse("admin:loyalty_member_change", args=[lot.member_id]),
            lot.member.card_number,
        )

    @display(description=_("left"))
    def left(self, lot: PointLot) -> str:
        return f"{lot.remaining:,}"

    @display(description=_("status"), ordering="status")
    def shown_status(self, lot: PointLot) -> str:
        return pill(lot.get_status_display(), _COLOURS.get(lot.status))

    @display(description=_("brought by"))
    def brought_by(self, lot: PointLot) -> str:
        # A lot has the id of the entry that brought it.
        address = reverse("admin:loyalty_ledgerentry_change", args=[lot.pk])
        return format_html('<a class="console-link" href="{}">{}</a>', address, _("the entry"))
