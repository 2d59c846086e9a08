"""Channels whose provider does not answer, for the platform's people."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.tenants.scoping import PlatformAdmin, ReadOnly
from notifications.models import Circuit


@admin.register(Circuit)
class CircuitAdmin(ReadOnly, PlatformAdmin):
    """A row for each channel that ever had trouble; `failures` is 0 where all is well again."""

    list_display = ["channel", "failures", "open_until", "reason", "changed_at"]
    ordering = ["channel"]
    actions = ["try_now"]

    @admin.action(description=_("Try the provider now"))
    def try_now(self, request: HttpRequest, circuits: QuerySet[Any]) -> None:
        """Have the next sender try one message."""
        circuits.filter(failures__gt=0).update(open_until=timezone.now())
        messages.success(request, _("The next message tries whether the provider is back."))
