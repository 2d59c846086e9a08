"""The email log: one line an attempt, on every channel."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.admin.deed_pages import DeedPages
from loyalty_site.tenants.filters import PeriodFilter
from loyalty_site.tenants.looks import pill
from notifications.admin.filters import LanguageFilter, TemplateFilter
from notifications.admin.pages import SaysChannels
from notifications.admin.resending import RESEND, KeyedActionForm, resend_all
from notifications.models import Delivery

_COLOURS: dict[str, str] = {
    Delivery.Status.SENT: "success",
    Delivery.Status.DELIVERED: "success",
    Delivery.Status.OPENED: "success",
    Delivery.Status.CLICKED: "success",
    Delivery.Status.DEFERRED: "info",
    Delivery.Status.QUEUED: "info",
    Delivery.Status.BOUNCED: "danger",
    Delivery.Status.FAILED: "danger",
    Delivery.Status.COMPLAINED: "danger",
    Delivery.Status.SUPPRESSED: "warning",
}


@admin.register(Delivery)
class DeliveryAdmin(SaysChannels, DeedPages):
    merchant_path = "merchant_id"
    deeds = (RESEND,)
    list_display = ["created_at", "merchant", "recipient", "code", "shown_status", "channel", "locale", "is_uncertain"]
    actions = ["send_again"]
    action_form = KeyedActionForm
    list_filter = [
        TemplateFilter,
        "status",
        "channel",
        LanguageFilter,
        "is_uncertain",
        ("created_at", PeriodFilter),
    ]
    list_select_related = ["merchant"]
    # Django's own search would fold cases its own way, past the index; see get_search_results.
    search_fields = ["=recipient"]
    search_help_text = _("The whole address")
    ordering = ["-id"]
    fields = [
        "shown_status",
        "code",
        "message_link",
        "channel",
        "recipient",
        "locale",
        "attempt",
        "is_uncertain",
        "provider_id",
        "error",
        "created_at",
        "delivered_at",
        "opened_at",
        "clicked_at",
        "bounced_at",
        "complained_at",
    ]
    readonly_fields = fields
    shown_if = {
        "provider_id": "provider_id",
        "error": "error",
        "delivered_at": "delivered_at",
        "opened_at": "opened_at",
        "clicked_at": "clicked_at",
        "bounced_at": "bounced_at",
        "complained_at": "complained_at",
    }

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Those to this address, however its letters are written."""
        term = search_term.replace("\x00", "").strip().lower()
        if not term:
            return queryset, False
        return queryset.annotate(plain=Lower("recipient")).filter(plain=term), False

    def has_resend_permission(self, request: HttpRequest) -> bool:
        """Who may have them sent again."""
        return self.holds(request, self.permission("change"))

    @admin.action(description=_("Send again"), permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Each by itself: one that is refused keeps nobody else waiting. The same list sent twice sends once."""
        resend_all(self, request, self.changeable(request, queryset))

    @display(description=_("message"))
    def message_link(self, delivery: Delivery) -> str:
        address = reverse("admin:notifications_message_change", args=[delivery.message_id])
        return format_html('<a class="console-link" href="{}">{}</a>', address, delivery.code)

    @display(description=_("status"), ordering="status")
    def shown_status(self, delivery: Delivery) -> str:
        return pill(delivery.get_status_display(), _COLOURS.get(delivery.status))
