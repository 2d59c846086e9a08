"""Messages: what is waiting, what was sent, and what became of the rest."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.admin.deed_pages import DeedPages
from loyalty_site.tenants import permissions
from loyalty_site.tenants.filters import PeriodFilter
from loyalty_site.tenants.looks import pill
from notifications.admin.filters import TemplateFilter
from notifications.admin.pages import SaysChannels
from notifications.admin.resending import RESEND
from notifications.models import Message
from notifications.queries import failures

_COLOURS: dict[str, str] = {
    Message.Status.SENT: "success",
    Message.Status.FAILED: "danger",
    Message.Status.SKIPPED: "warning",
    Message.Status.SUPPRESSED: "warning",
    Message.Status.QUEUED: "info",
    Message.Status.HELD: "info",
    Message.Status.SENDING: "info",
}


@admin.register(Message)
class MessageAdmin(SaysChannels, DeedPages):
    """The list shows above it how many of each template failed in the last 24 hours."""

    merchant_path = "merchant_id"
    deeds = (RESEND,)
    list_before_template = "admin/notifications/failures.html"
    list_display = ["created_at", "merchant", "code", "to_whom", "shown_status", "channel_now", "attempts", "error"]
    list_filter = [TemplateFilter, "status", "kind", ("created_at", PeriodFilter)]
    list_select_related = ["merchant", "customer"]
    search_fields = ["=member__card_number"]
    search_help_text = _("Card number")
    ordering = ["-id"]
    fields = [
        "shown_status",
        "code",
        "kind",
        "to_whom",
        "store",
        "channel_now",
        "attempts",
        "next_attempt_at",
        "error",
        "variables",
        "created_at",
        "finished_at",
        "log",
    ]
    readonly_fields = fields
    shown_if = {"store": "store_id", "error": "error", "finished_at": "finished_at", "variables": "variables"}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with the figures of the merchants whose messages the user may see."""
        mine = permissions.merchants_where(request.user, self.permission("view"))
        merchants = None if permissions.is_platform(request.user) else mine
        figures = failures.by_template(at=timezone.now(), merchant_ids=merchants)
        return super().changelist_view(request, {**(extra_context or {}), "failures": figures})

    @display(description=_("to"))
    def to_whom(self, message: Message) -> str:
        if message.customer is not None and message.member_id:
            address = reverse("admin:loyalty_member_change", args=[message.member_id])
            return format_html('<a class="console-link" href="{}">{}</a>', address, message.customer)
        return str(message.customer or message.recipient or "-")

    @display(description=_("channel"))
    def channel_now(self, message: Message) -> str:
        return message.channel or "-"

    @display(description=_("status"), ordering="status")
    def shown_status(self, message: Message) -> str:
        return pill(message.get_status_display(), _COLOURS.get(message.status))

    @display(description=_("attempts"))
    def log(self, message: Message) -> str:
        lines = [
            format_html(
                '<a class="console-link" href="{}">{}, {}</a>',
                reverse("admin:notifications_delivery_change", args=[each.pk]),
                each.get_channel_display(),
                each.get_status_display(),
            )
            for each in message.deliveries.order_by("id")[:20]
        ]
        return format_html("{}", format_html("<br>".join(["{}"] * len(lines)), *lines)) if lines else "-"
