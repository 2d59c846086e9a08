"""News on its way, to be looked at, and put back where it was parked."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty_site.outbox import claims
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.scoping import PlatformAdmin, ReadOnly


@admin.register(OutboxEvent)
class OutboxEventAdmin(ReadOnly, PlatformAdmin):
    """Events of every merchant: their facts are personal data, and the platform's to look into."""

    list_display = ["kind", "status", "merchant_id", "attempts", "created_at", "available_at", "done_at"]
    list_filter = ["status", "backfill"]
    search_fields = ["kind"]
    ordering = ["-id"]
    actions = ["requeue"]

    @admin.action(description=_("Deliver parked events again"))
    def requeue(self, request: HttpRequest, events: QuerySet[Any]) -> None:
        """Give the parked ones among these all their attempts again."""
        count = claims.requeue_parked(only=list(events.values_list("pk", flat=True)))
        text = ngettext("%d event will be delivered again.", "%d events will be delivered again.", count)
        messages.success(request, text % count)
