"""The sender's claims: which messages a sender holds, and until when.

A claim is committed, with its attempt counted, before anything is sent. A sender that dies leaves its messages in
`sending`; when the lease has run out the next one takes them, each marked as uncertain.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

BATCH = 50
# Longer than a slow provider takes for a batch, or the messages go out twice.
LEASE = timedelta(minutes=10)
# The first try, and three retries.
MOST_ATTEMPTS = 4

_WAITING = "channels[1] = %(channel)s AND status IN ('queued', 'held', 'sending')"

# Leaps from merchant to merchant along the index, so that a flood of one costs the others nothing; then looks for
# each whether anything is due.
_MERCHANTS = f"""
WITH RECURSIVE place AS (
    (SELECT merchant_id FROM loyalty_messages WHERE {_WAITING} ORDER BY merchant_id LIMIT 1)
    UNION ALL
    SELECT (SELECT merchant_id FROM loyalty_messages
            WHERE {_WAITING} AND merchant_id > place.merchant_id ORDER BY merchant_id LIMIT 1)
    FROM place WHERE place.merchant_id IS NOT NULL
)
SELECT merchant_id FROM place
WHERE merchant_id IS NOT NULL AND (%(only)s::uuid IS NULL OR merchant_id = %(only)s) AND EXISTS (
    SELECT FROM loyalty_messages
    WHERE {_WAITING} AND merchant_id = place.merchant_id AND next_attempt_at <= %(at)s)
"""

_CLAIM = f"""
WITH chosen AS (
    SELECT picked.id, picked.status FROM unnest(%(merchants)s::uuid[]) AS place (merchant_id)
    CROSS JOIN LATERAL (
        SELECT id, status FROM loyalty_messages
        WHERE {_WAITING} AND merchant_id = place.merchant_id AND next_attempt_at <= %(due)s
        ORDER BY next_attempt_at LIMIT %(share)s
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS picked
    LIMIT %(size)s
)
UPDATE loyalty_messages AS message
SET status = 'sending', attempts = attempts + 1, next_attempt_at = %(at)s::timestamptz + %(lease)s
FROM chosen WHERE message.id = chosen.id
RETURNING message.id, message.attempts, chosen.status = 'sending'
"""

_CHANNELS = """
SELECT channel FROM unnest(%s::text[]) AS channel WHERE EXISTS (
    SELECT FROM loyalty_messages
    WHERE channels[1] = channel AND status IN ('queued', 'held', 'sending') AND next_attempt_at <= %s)
"""


class Claim(NamedTuple):
    """A message that this sender holds for this attempt. `is_uncertain`: the attempt before never reported."""

    message_id: UUID
    attempt: int
    is_uncertain: bool


def merchants_waiting(*, channel: str, at: datetime, only: UUID | None = None) -> list[UUID]:
    """The merchants that have something due on this channel, by id."""
    with connection.cursor() as cursor:
        cursor.execute(_MERCHANTS, {"channel": channel, "at": at, "only": only})
        return [row[0] for row in cursor.fetchall()]


def claim(
    *, channel: str, merchants: list[UUID], share: int, size: int, at: datetime, due: datetime | None = None
) -> list[Claim]:
    """Take up to `share` due messages of each of these merchants, `size` in all, the longest due first.

    Due are those whose time has come at `due`, or without it at `at`; the lease begins at `at` in any case.
    """
    parameters: dict[str, Any] = {
        "channel": channel,
        "merchants": merchants,
        "share": share,
        "size": size,
        "at": at,
        "due": due or at,
        "lease": LEASE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        return sorted(Claim(*row) for row in cursor.fetchall())


class RoundRobin:
    """Takes turns: each batch is shared among the merchants that wait, beginning after the last one served."""

    def __init__(self) -> None:
        self.last = UUID(int=0)

    def claim(
        self,
        *,
        channel: str,
        at: datetime,
        size: int = BATCH,
        only: UUID | None = None,
        due: datetime | None = None,
    ) -> list[Claim]:
        """The next batch of the channel, empty where nothing is due."""
        waiting = merchants_waiting(channel=channel, at=due or at, only=only)
        if not waiting:
            return []
        turn = [each for each in waiting if each > self.last] + [each for each in waiting if each <= self.last]
        served = turn[:size]
        self.last = served[-1]
        return claim(channel=channel, merchants=served, share=-(-size // len(served)), size=size, at=at, due=due)
