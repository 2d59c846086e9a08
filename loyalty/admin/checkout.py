"""Intents of checkouts: what members meant to do with an order, to be read."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from loyalty.admin.entries import readable
from loyalty.models import CheckoutIntent
from loyalty_site.tenants.filters import PeriodFilter
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin, ReadOnly

_COLOURS: dict[str, str] = {
    CheckoutIntent.Status.PENDING: "info",
    CheckoutIntent.Status.RESOLVED: "success",
    CheckoutIntent.Status.CANCELLED: "warning",
}


@admin.register(CheckoutIntent)
class CheckoutIntentAdmin(ReadOnly, MerchantScopedAdmin):
    merchant_path = "merchant_id"
    list_display = [
        "created_at",
        "member_link",
        "kind",
        "what",
        "shown_status",
        "order_id",
        "redemption_status",
        "expires_at",
    ]
    list_filter = ["status", "kind", "redemption__status", ("created_at", PeriodFilter)]
    list_select_related = ["member", "reward", "redemption"]
    search_fields = ["=client_id", "=order_id", "=member__card_number"]
    search_help_text = gettext_lazy("Intent, order or card number")
    ordering = ["-id"]
    fields = [
        "shown_status", "member_link", "kind", "what", "points_cost", "quantity", "order_id", "client_id", "channel",
        "referral_code", "redemption_link", "created_at", "received_at", "expires_at", "resolved_at", "facts",
    ]  # fmt: skip
    readonly_fields = fields
    shown_if = {
        "points_cost": "points_cost",
        "channel": "channel",
        "referral_code": "referral_code",
        "redemption_link": "redemption_id",
        "resolved_at": "resolved_at",
        "facts": "metadata",
    }

    @display(description=gettext_lazy("member"))
    def member_link(self, intent: CheckoutIntent) -> str:
        return _link("loyalty_member", intent.member_id, intent.member.card_number)

    @display(description=gettext_lazy("status"), ordering="status")
    def shown_status(self, intent: CheckoutIntent) -> str:
        if intent.status == CheckoutIntent.Status.PENDING and intent.expires_at <= timezone.now():
            return pill(_("Expired"))
        return pill(intent.get_status_display(), _COLOURS.get(intent.status))

    @display(description=gettext_lazy("what"))
    def what(self, intent: CheckoutIntent) -> str:
        if intent.reward is not None:
            return intent.reward.name
        return intent.reward_name or intent.referral_code or "-"

    @display(description=gettext_lazy("redemption"), ordering="redemption__status")
    def redemption_status(self, intent: CheckoutIntent) -> str:
        return intent.redemption.get_status_display() if intent.redemption is not None else "-"

    @display(description=gettext_lazy("redemption"))
    def redemption_link(self, intent: CheckoutIntent) -> str:
        if intent.redemption is None:
            return "-"
        return _link("loyalty_redemption", intent.redemption_id, intent.redemption)

    @display(description=gettext_lazy("facts"))
    def facts(self, intent: CheckoutIntent) -> str:
        return readable(intent.metadata)


def _link(page: str, key: Any, text: Any) -> str:
    return format_html('<a class="console-link" href="{}">{}</a>', reverse(f"admin:{page}_change", args=[key]), text)
