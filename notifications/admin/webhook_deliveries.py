"""The log of webhooks: what was posted, what was answered, and sending it again."""

import json
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from loyalty_site.tenants.filters import PeriodFilter
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin, ReadOnly
from notifications.models import WebhookDelivery
from notifications.webhooks import payloads, replaying

_COLOURS: dict[str, str] = {
    WebhookDelivery.Status.PENDING: "info",
    WebhookDelivery.Status.DELIVERED: "success",
    WebhookDelivery.Status.FAILED: "danger",
}


class KindFilter(DropdownFilter):
    """By event: the choices are those there are, not those that some merchant had."""

    title = _("event")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in (*payloads.events(), payloads.TEST_KIND)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly, MerchantScopedAdmin):
    merchant_path = "merchant_id"
    list_display = [
        "created_at",
        "kind",
        "endpoint",
        "shown_status",
        "attempts",
        "answer_status",
        "shown_error",
        "replay",
    ]
    list_filter = ["status", KindFilter, "endpoint", ("created_at", PeriodFilter)]
    list_select_related = ["endpoint"]
    # Anything but an id finds nothing: see get_search_results.
    search_fields = ["kind"]
    search_help_text = _("webhook-id or member")
    ordering = ["-id"]
    actions = ["send_again"]
    fields = [
        "kind",
        "event_id",
        "endpoint",
        "shown_status",
        "replay",
        "attempts",
        "next_attempt_at",
        "answer_status",
        "error",
        "created_at",
        "first_attempt_at",
        "delivered_at",
        "shown_log",
        "shown_body",
    ]
    readonly_fields = fields
    shown_if = {
        "replay": "replay",
        "next_attempt_at": "next_attempt_at",
        "answer_status": "answer_status",
        "error": "error",
        "first_attempt_at": "first_attempt_at",
        "delivered_at": "delivered_at",
        "shown_log": "log",
    }

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term.strip():
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        return queryset.filter(Q(event_id=wanted) | Q(member_id=wanted)), False

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Who may have them sent again."""
        return self.holds(request, self.permission("change"))

    @admin.action(description=_("Send again"), permissions=["replay"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """A new delivery for each, with the same webhook-id."""
        chosen = self.changeable(request, queryset)
        ids = list(chosen.order_by().values_list("pk", flat=True))
        count = replaying.replay(ids, at=timezone.now())
        said = ngettext("%(count)s delivery goes again.", "%(count)s deliveries go again.", count)
        messages.success(request, said % {"count": count})
        if count < len(ids):
            messages.warning(
                request, _("Left out is what is on its way already, and what belongs to an endpoint that is off.")
            )

    @display(description=_("status"), ordering="status")
    def shown_status(self, delivery: WebhookDelivery) -> str:
        return pill(delivery.get_status_display(), _COLOURS.get(delivery.status))

    @display(description=_("error"))
    def shown_error(self, delivery: WebhookDelivery) -> str:
        return delivery.error[:80] or "-"

    @display(description=_("attempts so far"))
    def shown_log(self, delivery: WebhookDelivery) -> str:
        return format_html_join(
            "",
            "<div>{} · {} · {} ms {}</div>",
            (
                (
                    str(line.get("at", ""))[:19].replace("T", " "),
                    line.get("status") or gettext("no answer"),
                    line.get("milliseconds"),
                    line.get("error", ""),
                )
                for line in delivery.log
            ),
        )

    @display(description=_("body"))
    def shown_body(self, delivery: WebhookDelivery) -> str:
        try:
            text = json.dumps(json.loads(delivery.body), indent=2, ensure_ascii=False)
        except ValueError:
            text = delivery.body
        return format_html('<pre class="console-error">{}</pre>', text)
