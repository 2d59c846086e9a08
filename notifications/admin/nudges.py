"""Nudges, to be read: what members are reminded of, and what they said to it."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.admin.entries import readable
from loyalty_site.tenants.filters import PeriodFilter
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin, ReadOnly
from notifications.models import Channel, Nudge

_COLOURS: dict[str, str] = {
    Nudge.Status.ACTIVE: "info",
    Nudge.Status.ACKNOWLEDGED: "success",
    Nudge.Status.DISMISSED: "warning",
}


@admin.register(Nudge)
class NudgeAdmin(ReadOnly, MerchantScopedAdmin):
    merchant_path = "merchant_id"
    list_display = ["created_at", "member_link", "headline", "shown_status", "campaign_slug", "expires_at", "sends"]
    list_filter = ["nudge_type", "status", ("created_at", PeriodFilter)]
    list_select_related = ["member"]
    search_fields = ["=member__card_number", "=campaign_slug"]
    search_help_text = _("Card number or campaign")
    ordering = ["-id"]
    fields = [
        "shown_status", "member_link", "nudge_type", "headline", "body", "leads_to", "campaign_slug", "shown_channels",
        "priority", "created_at", "last_triggered_at", "expires_at", "acknowledged_at", "dismissed_at", "last_sent_at",
        "sends", "source_id", "facts",
    ]  # fmt: skip
    readonly_fields = fields
    shown_if = {
        "acknowledged_at": "acknowledged_at",
        "dismissed_at": "dismissed_at",
        "last_sent_at": "last_sent_at",
    }

    @display(description=_("member"))
    def member_link(self, nudge: Nudge) -> str:
        return format_html(
            '<a class="console-link" href="{}">{}</a>',
            reverse("admin:loyalty_member_change", args=[nudge.member_id]),
            nudge.member.card_number,
        )

    @display(description=_("status"), ordering="status")
    def shown_status(self, nudge: Nudge) -> str:
        return pill(nudge.get_status_display(), _COLOURS.get(nudge.status))

    @display(description=_("headline"))
    def headline(self, nudge: Nudge) -> str:
        return nudge.payload.get("headline") or "-"

    @display(description=_("text"))
    def body(self, nudge: Nudge) -> str:
        return nudge.payload.get("body") or "-"

    @display(description=_("leads to"))
    def leads_to(self, nudge: Nudge) -> str:
        return nudge.payload.get("ctaHref") or "-"

    @display(description=_("channels"))
    def shown_channels(self, nudge: Nudge) -> str:
        return ", ".join(str(Channel(channel).label) for channel in nudge.channels) or "-"

    @display(description=_("facts"))
    def facts(self, nudge: Nudge) -> str:
        return readable(nudge.payload.get("metadata") or {})
