"""Deleting messages that ended long ago, a chunk a transaction."""

from datetime import datetime

from django.db import connection

CHUNK = 5_000

# Deliveries go with their message; a withdrawn consent stays, without the message it came from.
_PURGE = """
WITH old AS (
    SELECT id FROM loyalty_messages
    WHERE finished_at < %s AND status NOT IN ('queued', 'held', 'sending')
    ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED
), theirs AS (
    DELETE FROM loyalty_message_deliveries USING old WHERE message_id = old.id
), left_behind AS (
    UPDATE loyalty_message_withdrawals SET message_id = NULL FROM old WHERE message_id = old.id
)
DELETE FROM loyalty_messages USING old WHERE loyalty_messages.id = old.id
"""


def purge(*, finished_before: datetime, chunk: int = CHUNK) -> int:
    """Delete messages that ended before that time. Return how many."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PURGE, [finished_before, chunk])
            total += cursor.rowcount
            if cursor.rowcount < chunk:
                return total
