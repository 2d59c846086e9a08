"""Telling a merchant that an endpoint is off."""

import logging
from datetime import datetime

from notifications.models import WebhookEndpoint

logger = logging.getLogger(__name__)


def tell_owners(endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Say it where the merchant looks, in the transaction that switches it off."""
    logger.warning("Webhook endpoint %s of %s is off: %s", endpoint.pk, endpoint.merchant_id, endpoint.disabled_reason)
