"""Nudges of a whole program: ten thousand members with something to be reminded of, who all agreed to it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench import ground, people
from tests.bench.table import Row, at_most
from tests.bench.worker import Worker, workers

AT = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
MEMBERS = 10_000
# Beside them, members who have nothing, and are walked past.
OTHERS = 90_000
SECONDS = 10

CONSENT = "UPDATE customers SET marketing_consent = true WHERE merchant_id = %(merchant)s"

INTENTS = """
INSERT INTO loyalty_checkout_intents (id, merchant_id, member_id, client_id, kind, status, order_id, channel,
    referral_code, reward_name, quantity, metadata, created_at, received_at, expires_at)
SELECT gen_random_uuid(), m.merchant_id, m.id, 'i-1', 'referral_share', 'pending', 'O-1', '', m.referral_code, '', 1,
       '{}', %(at)s, %(at)s, %(at)s + interval '10 days'
  FROM loyalty_members m
 WHERE m.program_id = %(program)s
   AND EXISTS (SELECT FROM loyalty_point_expirations l WHERE l.member_id = m.id AND l.expires_at = %(soon)s)"""


# --- In a worker ----------------------------------------------------------------------------------------------
def run(*, what: str, slug: str, at: str) -> dict[str, Any]:
    """One merchant's run: its counts, and in how many seconds."""
    from loyalty_site.tenants.models import Merchant
    from notifications.nudges import aggregating, dispatching

    work = {"aggregate": aggregating.aggregate, "dispatch": dispatching.dispatch}[what]
    merchants = [Merchant.objects.get(slug=slug)]
    begin = time.perf_counter()
    counts = work(merchants=merchants, at=datetime.fromisoformat(at))
    return {"seconds": time.perf_counter() - begin, **counts}


# --- In the bench ---------------------------------------------------------------------------------------------
def rows() -> Iterator[Row]:
    """The rows of nudges."""
    with ground.database("nudges") as database:
        _crowd(database)
        people.settle_down(database)
        nudges = 2 * MEMBERS
        with workers(1) as [worker]:
            what = f"{MEMBERS:,} members with two signals each"
            yield _row(f"nudges made, {what}", _run(worker, "aggregate", AT, created=nudges), nudges)
            idle = _run(worker, "aggregate", AT + timedelta(minutes=10), created=0, renewed=0)
            yield _row(f"nothing new, {what}", idle, nudges)
            # Nobody promises how fast: a message a member within a campaign's cap, written beside its claim.
            sent = _run(worker, "dispatch", AT, queued=nudges)
            yield Row(f"nudges sent, {what}", _shown(sent, nudges))
            again = _run(worker, "dispatch", AT + timedelta(minutes=10), queued=0)
            yield Row(f"nothing due, {what}", _shown(again, nudges))


def _crowd(database: str) -> None:
    program = people.make_program("nudged", expiry_policy="lots")
    with ground.loading(database) as connection:
        soon, late = AT + timedelta(days=3), AT + timedelta(days=300)
        crowd = people.Crowd(
            members=MEMBERS + OTHERS, active_at=AT - timedelta(days=30), points=100, lot_at=late,
            every=(MEMBERS + OTHERS) // MEMBERS, other_lot_at=soon,
        )  # fmt: skip
        people.load(connection, program, 1, crowd)
        asked = {"at": AT, "soon": soon, "program": program.pk, "merchant": program.merchant_id}
        connection.execute(CONSENT, asked)
        connection.execute(INTENTS, asked)


def _run(worker: Worker, what: str, at: datetime, **expected: int) -> dict[str, Any]:
    done = worker.call("nudges", "run", what=what, slug="nudged", at=at.isoformat())
    if any(done[name] != count for name, count in expected.items()):
        raise SystemExit(f"{what}: {expected} was expected, and {done} came.")
    return dict(done)


def _row(what: str, done: dict[str, Any], nudges: int) -> Row:
    return at_most(what, done["seconds"], SECONDS, " s", shown=_shown(done, nudges))


def _shown(done: dict[str, Any], nudges: int) -> str:
    return f"{done['seconds']:.1f} s ({nudges / done['seconds']:,.0f} nudges/s)"
