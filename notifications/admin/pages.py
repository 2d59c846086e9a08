"""Lists that say above them which channels send nothing."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from loyalty_site.tenants.scoping import MerchantScopedAdmin
from notifications.channels.states import states


class SaysChannels(MerchantScopedAdmin):
    """An admin class whose list says above it which channels send nothing."""

    list_before_template = "admin/notifications/channels.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "channels": states()})
