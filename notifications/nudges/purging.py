"""Deleting nudges that are long over, the attempts to tell of them, and exposures; a chunk a transaction."""

from datetime import datetime, timedelta

from django.db import connection

CHUNK = 5_000

# A nudge that was put away must not come back: its signal has to be over before it goes. Points expire within a week
# of the signal, redemptions are asked after for two; what stays at a checkout is looked at below.
LEAST_KEPT = timedelta(days=30)
# A cap and the days compared are a year at most: until then an exposure is what both go by.
EXPOSURES_KEPT = timedelta(days=400)

NUDGES = """
WITH old AS (
    SELECT n.id FROM loyalty_nudges n
     WHERE n.status <> 'active' AND n.expires_at < %s
       AND NOT EXISTS (SELECT 1 FROM loyalty_checkout_intents i
                        WHERE i.status = 'pending'
                          AND i.id = CASE n.nudge_type WHEN 'checkout_reminder' THEN n.source_id::uuid END)
     ORDER BY n.expires_at LIMIT %s FOR UPDATE SKIP LOCKED
), attempts AS (
    DELETE FROM loyalty_nudge_dispatch_events d USING old WHERE d.nudge_id = old.id
)
DELETE FROM loyalty_nudges n USING old WHERE n.id = old.id"""

# Of a nudge that stands for years.
ATTEMPTS = """
DELETE FROM loyalty_nudge_dispatch_events WHERE id IN (
    SELECT id FROM loyalty_nudge_dispatch_events WHERE sent_at < %s ORDER BY sent_at LIMIT %s FOR UPDATE SKIP LOCKED)"""

EXPOSURES = """
DELETE FROM loyalty_nudge_exposures WHERE id IN (
    SELECT id FROM loyalty_nudge_exposures WHERE last_at < %s ORDER BY last_at LIMIT %s FOR UPDATE SKIP LOCKED)"""


def purge(*, at: datetime, keep: timedelta, chunk: int = CHUNK) -> dict[str, int]:
    """Delete what is older than `keep` at `at`; each chunk commits. Counts nudges, attempts and exposures.

    Nudges and attempts are kept for `LEAST_KEPT`, exposures for `EXPOSURES_KEPT`, however short `keep` is. Attempts
    that go with their nudge are not counted.
    """
    ended, compared = at - max(keep, LEAST_KEPT), at - max(keep, EXPOSURES_KEPT)
    return {
        "nudges": _all(NUDGES, ended, chunk),
        "attempts": _all(ATTEMPTS, ended, chunk),
        "exposures": _all(EXPOSURES, compared, chunk),
    }


def _all(statement: str, before: datetime, chunk: int) -> int:
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, [before, chunk])
            total += cursor.rowcount
            if cursor.rowcount < chunk:
                return total
