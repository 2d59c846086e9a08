"""What needs somebody: a line each, and the page where it is put right."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from loyalty_site.tenants.scoping import own_rows
from notifications.models import WebhookEndpoint

_MOST = 10


@dataclass(frozen=True)
class Notice:
    """One thing that needs somebody. `kind` colours it: danger or warning."""

    text: str
    link: str
    kind: str = "warning"


def notices(request: HttpRequest) -> list[Notice]:
    """What this user may see of it and do about it, the gravest first."""
    return sorted(_endpoints(request.user), key=lambda notice: notice.kind != "danger")


def _endpoints(user: Any) -> list[Notice]:
    """Webhook endpoints that were switched off for them, and those that fail now."""
    own = own_rows(admin.site, user, WebhookEndpoint, "notifications.change_webhookendpoint")
    in_need = own.filter(
        Q(is_active=False) & ~Q(disabled_reason=WebhookEndpoint.Off.STAFF)
        | Q(is_active=True, failing_since__isnull=False)
    )
    found = []
    for endpoint in in_need.select_related("merchant").order_by("is_active", "-id")[:_MOST]:
        link = reverse("admin:notifications_webhookendpoint_change", args=[endpoint.pk])
        facts = {"endpoint": endpoint.label, "merchant": endpoint.merchant.name}
        if endpoint.is_active:
            found.append(Notice(_("Webhooks to %(endpoint)s (%(merchant)s) fail.") % facts, link))
        else:
            text = _("Webhooks to %(endpoint)s (%(merchant)s) were switched off.") % facts
            found.append(Notice(text, link, "danger"))
    return found
