"""Telling a merchant that an endpoint is off."""

import logging
from datetime import datetime

from django.urls import reverse

from loyalty_site.tenants.models import Role, StaffRole
from notifications import addresses
from notifications.models import WebhookEndpoint
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage

logger = logging.getLogger(__name__)

CODE = "webhook_endpoint_off"


def tell_owners(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Queue a mail to each owner of the whole merchant, in the transaction that switches the endpoint off.

    The overview of the console says it too. The address of the endpoint is in neither: it may hold a token.
    """
    logger.warning("Webhook endpoint %s of %s is off: %s", endpoint.pk, endpoint.merchant_id, endpoint.disabled_reason)
    owners = StaffRole.objects.filter(
        merchant_id=endpoint.merchant_id, role=Role.OWNER, store=None, user__is_active=True
    )
    page = reverse("admin:notifications_webhookendpoint_change", args=[endpoint.pk])
    variables = {
        "endpoint": endpoint.label,
        "gone": int(endpoint.disabled_reason == WebhookEndpoint.Off.GONE),
        "console_url": addresses.base() + page,
    }
    queueing.queue(
        [
            NewMessage(
                merchant_id=endpoint.merchant_id,
                code=CODE,
                key=f"{CODE}:{endpoint.pk}:{int(at.timestamp())}:{user_id}",
                recipient=email,
                variables=variables,
            )
            for user_id, email in owners.values_list("user_id", "user__email").distinct()
        ],
        at=at,
    )
