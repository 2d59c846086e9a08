"""Sending again what was delivered or given up."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from loyalty_site.ids import NEW_IDS_SQL
from notifications.webhooks import waking

# A new row with the same webhook-id. Sent twice at once it is one replay: both would have the same number.
_REPLAY = f"""
INSERT INTO webhook_deliveries
    (id, merchant_id, endpoint_id, event_id, replay, kind, member_id, body, status, next_attempt_at, created_at)
SELECT {NEW_IDS_SQL}, again.merchant_id, again.endpoint_id, again.event_id,
    (SELECT max(other.replay) + 1 FROM webhook_deliveries AS other
        WHERE other.endpoint_id = again.endpoint_id AND other.event_id = again.event_id),
    again.kind, again.member_id, again.body, 'pending', %(at)s, %(at)s
FROM (
    SELECT DISTINCT ON (delivery.endpoint_id, delivery.event_id) delivery.*
    FROM webhook_deliveries AS delivery
    JOIN webhook_endpoints AS endpoint ON endpoint.id = delivery.endpoint_id AND endpoint.is_active
    WHERE delivery.id = ANY(%(ids)s::uuid[]) AND NOT EXISTS (
        SELECT FROM webhook_deliveries AS waiting
        WHERE waiting.endpoint_id = delivery.endpoint_id AND waiting.event_id = delivery.event_id
            AND waiting.status = 'pending')
    ORDER BY delivery.endpoint_id, delivery.event_id, delivery.replay DESC
) AS again
ON CONFLICT (endpoint_id, event_id, replay) DO NOTHING
"""


@transaction.atomic(savepoint=False)
def replay(deliveries: Sequence[UUID], *, at: datetime) -> int:
    """Send these again, with all their attempts; return how many go.

    Left out is what is on its way already, and what belongs to an endpoint that is off.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REPLAY, {"ids": list(deliveries), "at": at})
        count = int(cursor.rowcount)
    if count:
        waking.ring_after_commit()
    return count
