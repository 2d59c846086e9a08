"""Counting the steps of joining."""

from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from loyalty_site.ids import new_id
from loyalty_site.storefront.models import FunnelStep


def count(merchant_id: UUID, step: FunnelStep, *, at: datetime) -> None:
    """Count the step once more, on the day (UTC) of `at`.

    Not within the transaction that enrols: the row is one for all who join at a merchant that day, and whoever holds
    it lets the others wait.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO loyalty_enrollment_funnel AS f (id, merchant_id, day, step, count) VALUES (%s, %s, %s, %s, 1) "
            "ON CONFLICT (merchant_id, day, step) DO UPDATE SET count = f.count + 1",
            [new_id(), merchant_id, at.astimezone(UTC).date(), step],
        )
