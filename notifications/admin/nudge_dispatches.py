"""Attempts to tell members of nudges, to be read."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty_site.tenants.filters import PeriodFilter
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin, ReadOnly
from notifications.models import NudgeDispatchEvent

_COLOURS: dict[str, str] = {
    NudgeDispatchEvent.Outcome.SENT: "success",
    NudgeDispatchEvent.Outcome.DEFERRED: "info",
    NudgeDispatchEvent.Outcome.FAILED: "danger",
    NudgeDispatchEvent.Outcome.SUPPRESSED: "warning",
}


@admin.register(NudgeDispatchEvent)
class NudgeDispatchEventAdmin(ReadOnly, MerchantScopedAdmin):
    merchant_path = "merchant_id"
    list_display = ["sent_at", "member_link", "nudge_link", "campaign_slug", "channel", "shown_outcome"]
    list_filter = ["channel", "outcome", ("sent_at", PeriodFilter)]
    list_select_related = ["nudge__member"]
    search_fields = ["=nudge__member__card_number", "=campaign_slug", "=provider_id"]
    search_help_text = _("Card number, campaign or provider's id")
    ordering = ["-id"]
    fields = [
        "shown_outcome", "member_link", "nudge_link", "campaign_slug", "channel", "sent_at", "provider_id", "error",
    ]  # fmt: skip
    readonly_fields = fields
    shown_if = {"provider_id": "provider_id", "error": "error"}

    @display(description=_("member"))
    def member_link(self, event: NudgeDispatchEvent) -> str:
        member = event.nudge.member
        return _link("loyalty_member", member.pk, member.card_number)

    @display(description=_("nudge"))
    def nudge_link(self, event: NudgeDispatchEvent) -> str:
        return _link("notifications_nudge", event.nudge_id, event.nudge.get_nudge_type_display())

    @display(description=_("outcome"), ordering="outcome")
    def shown_outcome(self, event: NudgeDispatchEvent) -> str:
        return pill(event.get_outcome_display(), _COLOURS.get(event.outcome))


def _link(page: str, key: object, text: object) -> str:
    return format_html('<a class="console-link" href="{}">{}</a>', reverse(f"admin:{page}_change", args=[key]), text)
