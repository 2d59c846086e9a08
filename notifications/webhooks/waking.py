"""Who wakes the sender."""

from django.db import transaction

from loyalty_site.outbox import bell

CHANNEL = "webhooks"


def ring_after_commit() -> None:
    """Wake the sender when the transaction under way has committed."""
    transaction.on_commit(_ring)


def _ring() -> None:
    bell.ring(CHANNEL)
