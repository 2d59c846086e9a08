"""The relay's statements: who holds which event, how often it was tried, what became of it.

There are two queues. Fresh events (`attempts = 0`) are claimed in batches. An event whose attempt did not end well,
be it by an error or by the death of its worker, is claimed alone from then on, so that whatever it does it does to
itself. A claim counts its attempt and is committed before anything is delivered.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from loyalty_site.outbox.subscribing import PublishedEvent

# Longer than a batch takes, or another relay takes it over: harmless, but an attempt is lost on it.
LEASE = timedelta(seconds=60)
# Waited after the first, second, ... failed attempt.
BACKOFF = [timedelta(seconds=seconds) for seconds in (2, 15, 60, 300)]
MAX_ERROR = 4000
EVER = timedelta(days=36500)

_COLUMNS = "id, kind, merchant_id, facts, backfill, created_at, attempts, delivered_to, status"
_RETURNING = ", ".join(f"event.{column}" for column in _COLUMNS.split(", "))

# statement_timestamp() and not clock_timestamp(): the planner uses an index for the former only.
_CLAIM_FRESH = f"""
WITH chosen AS (
    SELECT id FROM outbox_events
    WHERE status = 'pending' AND attempts = 0 AND id > %s
    ORDER BY id LIMIT %s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE outbox_events AS event
SET attempts = 1, available_at = statement_timestamp() + %s
FROM chosen WHERE event.id = chosen.id
RETURNING {_RETURNING}
"""

_CLAIM_TRIED = f"""
WITH chosen AS (
    SELECT id FROM outbox_events
    WHERE status = 'pending' AND attempts > 0
        AND available_at <= statement_timestamp() AND available_at >= statement_timestamp() - %(within)s
    ORDER BY available_at LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE outbox_events AS event
SET attempts = CASE WHEN attempts < %(most)s THEN attempts + 1 ELSE attempts END,
    status = CASE WHEN attempts < %(most)s THEN 'pending' ELSE 'parked' END,
    error = CASE WHEN attempts < %(most)s THEN error ELSE concat_ws(
        E'\\n', 'The worker ended while delivering this, at attempt ' || attempts || '.', nullif(error, '')) END,
    available_at = CASE WHEN attempts < %(most)s THEN statement_timestamp() + %(lease)s END
FROM chosen WHERE event.id = chosen.id
RETURNING {_RETURNING}
"""

# The attempt's number fences: once another relay has claimed the event anew, this one's mark finds nothing. Taken
# before the subscriber is called, the row locks keep others away for as long as it works, lease or no lease.
# `status = 'pending'` would let the planner walk the index of all that is claimed, dead rows included.
_MARK = """
UPDATE outbox_events
SET delivered_to = delivered_to || %(name)s::text[],
    status = CASE WHEN id = ANY(%(last)s::uuid[]) THEN 'done' ELSE status END,
    done_at = CASE WHEN id = ANY(%(last)s::uuid[]) THEN statement_timestamp() END,
    available_at = CASE WHEN id = ANY(%(last)s::uuid[]) THEN NULL
        ELSE statement_timestamp() + %(lease)s END
WHERE id = ANY(%(ids)s::uuid[]) AND status NOT IN ('done', 'parked') AND attempts = %(attempt)s
RETURNING id
"""

_FAIL = """
UPDATE outbox_events
SET error = %(error)s,
    status = CASE WHEN attempts < %(most)s THEN 'pending' ELSE 'parked' END,
    available_at = CASE WHEN attempts < %(most)s THEN statement_timestamp() + %(backoff)s END
WHERE id = %(id)s AND status = 'pending' AND attempts = %(attempt)s
RETURNING status
"""

_REQUEUE = """
UPDATE outbox_events SET status = 'pending', attempts = 0, available_at = NULL
WHERE status = 'parked' AND (%(only)s::uuid[] IS NULL OR id = ANY(%(only)s::uuid[]))
"""

_PURGE = """
WITH old AS (
    SELECT id FROM outbox_events
    WHERE status = 'done' AND done_at < %s
    ORDER BY done_at LIMIT %s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM outbox_events USING old WHERE outbox_events.id = old.id
"""


class Claim(NamedTuple):
    """An event that this relay holds, for this attempt."""

    event: PublishedEvent
    attempt: int
    delivered_to: list[str]
    is_parked: bool


def max_attempts() -> int:
    """How often an event is tried before it is parked."""
    return int(settings.OUTBOX_MAX_ATTEMPTS)


def claim_fresh(*, after: UUID, size: int) -> list[Claim]:
    """Claim the next events that nobody has tried yet, in the order of their ids."""
    claims = _claims(_CLAIM_FRESH, [after, size, LEASE])
    return sorted(claims, key=lambda claim: claim.event.id)


def claim_tried(within: timedelta = EVER) -> Claim | None:
    """Claim the one event that has waited longest for another attempt; parked if it has had them all.

    `within`: leave out those whose attempt has been due for longer.
    """
    claims = _claims(_CLAIM_TRIED, {"most": max_attempts(), "lease": LEASE, "within": within})
    return claims[0] if claims else None


def mark(*, ids: Sequence[UUID], last: Sequence[UUID], names: list[str], attempt: int) -> set[UUID]:
    """Lock the events and mark them as delivered to `names`, and those in `last` as done.

    Return those which are still this relay's, in this attempt.
    """
    parameters: dict[str, Any] = {
        "ids": list(ids),
        "last": list(last),
        "name": names,
        "attempt": attempt,
        "lease": LEASE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MARK, parameters)
        return {row[0] for row in cursor.fetchall()}


def fail(claim: Claim, error: str) -> bool:
    """Note the failed attempt. Return whether it was the last: then the event is parked."""
    parameters: dict[str, Any] = {
        "id": claim.event.id,
        "attempt": claim.attempt,
        "error": error[-MAX_ERROR:],
        "most": max_attempts(),
        "backoff": BACKOFF[min(claim.attempt, len(BACKOFF)) - 1],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FAIL, parameters)
        row = cursor.fetchone()
        return bool(row) and row[0] == "parked"


def requeue_parked(only: Sequence[UUID] | None = None) -> int:
    """Give parked events, all or those of these ids, all their attempts again. Return how many there were.

    Each goes on where it was: subscribers that have heard of it do not hear again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REQUEUE, {"only": None if only is None else list(only)})
        return int(cursor.rowcount)


def purge(*, done_before: Any, chunk: int = 10_000) -> int:
    """Delete events done before that time, a chunk a transaction. Return how many."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PURGE, [done_before, chunk])
            total += cursor.rowcount
            if cursor.rowcount < chunk:
                return total


def _claims(statement: str, parameters: Any) -> list[Claim]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [
            Claim(
                PublishedEvent(id_, kind, merchant_id, json.loads(facts), backfill, created_at),
                attempts,
                delivered_to,
                status == "parked",
            )
            for (
                id_,
                kind,
                merchant_id,
                facts,
                backfill,
                created_at,
                attempts,
                delivered_to,
                status,
            ) in cursor.fetchall()
        ]
