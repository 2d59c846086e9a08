"""Putting a whole program into other tiers: what the hourly progression does at its worst, and at its most usual."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench import ground, people
from tests.bench.table import Row, at_most
from tests.bench.worker import Worker, workers

AT = datetime(2026, 6, 29, 12, 15, tzinfo=UTC)
MEMBERS = 100_000
ENTRIES = 10

# Nine more entries each, one every four weeks: what 12 months are added up from. Nobody has a streak.
_MORE_ENTRIES = """
INSERT INTO loyalty_ledger_entries (id, merchant_id, member_id, number, type, points_delta, points_balance_after,
    stamps_delta, stamps_balance_after, lifetime_delta, order_reference, description, metadata, occurred_at, created_at)
SELECT gen_random_uuid(), m.merchant_id, m.id, number, 'earn', 0, m.points_balance, 0, 0, 0, '', '', '{}',
       %(at)s::timestamptz - (%(entries)s - number) * interval '28 days', now()
  FROM generate_series(2, %(entries)s) AS number CROSS JOIN loyalty_members m
 WHERE m.program_id = %(program)s"""

_LAST_NUMBERS = "UPDATE loyalty_members SET last_number = %(entries)s WHERE program_id = %(program)s"


# --- In a worker ----------------------------------------------------------------------------------------------
def move(*, slug: str, at: str, raises_only: bool) -> dict[str, Any]:
    """One program's run: its counts, and in how many seconds."""
    from loyalty.models import Program
    from loyalty.operations import progression
    from loyalty_site.ids import new_id

    program = Program.objects.get(merchant__slug=slug)
    run = progression.retier if raises_only else progression.advance
    begin = time.perf_counter()
    counts = run(programs=[program], at=datetime.fromisoformat(at), run_id=new_id())
    return {"seconds": time.perf_counter() - begin, **counts}


def set_threshold(*, slug: str, points: int) -> dict[str, Any]:
    """Change what the program's one tier takes."""
    from loyalty.models import Tier

    return {"changed": Tier.objects.filter(program__merchant__slug=slug).update(point_threshold=points)}


# --- In the bench ---------------------------------------------------------------------------------------------
def rows() -> Iterator[Row]:
    """The rows of tiers."""
    with ground.database("tiers") as database:
        for prefix, basis in ((1, "lifetime"), (2, "rolling")):
            _crowd(basis, prefix, database)
        people.settle_down(database)
        with workers(1) as [worker]:
            for basis in ("lifetime", "rolling"):
                what = f"{MEMBERS:,} members with {ENTRIES} entries, by {basis} points"
                yield _row(f"raised, {what}", _run(worker, "raised", basis, AT, points=100, raises_only=True))
                # One hour warns them all, another lowers them.
                warned = _run(worker, "warned", basis, AT, points=1_000)
                yield _row(f"warned, {what}", warned)
                lowered = _run(worker, "lowered", basis, AT + timedelta(days=14), points=1_000)
                yield _row(f"lowered, {what}", lowered)
            # Nothing to do is what nearly every hour finds.
            idle = worker.call(
                "tiers", "move", slug="rolling", at=(AT + timedelta(days=15)).isoformat(), raises_only=False
            )
            yield Row(f"an hour with nothing to do, {MEMBERS:,} members", f"{idle['seconds']:.1f} s")


def _crowd(slug: str, prefix: int, database: str) -> None:
    from loyalty.models import Tier

    program = people.make_program(slug, tier_basis=slug, downgrade_policy="by_balance")
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=10**6)
    with ground.loading(database) as connection:
        people.load(connection, program, prefix, people.Crowd(members=MEMBERS, active_at=AT, points=100))
        asked = {"at": AT, "entries": ENTRIES, "program": program.pk}
        connection.execute(_MORE_ENTRIES, asked)
        connection.execute(_LAST_NUMBERS, asked)


def _run(
    worker: Worker, kind: str, slug: str, at: datetime, *, points: int, raises_only: bool = False
) -> dict[str, Any]:
    worker.call("tiers", "set_threshold", slug=slug, points=points)
    done = worker.call("tiers", "move", slug=slug, at=at.isoformat(), raises_only=raises_only)
    if done[kind] != MEMBERS:
        raise SystemExit(f"{done[kind]} of {MEMBERS} members were {kind}: {done}")
    return dict(done)


def _row(what: str, done: dict[str, Any]) -> Row:
    shown = f"{done['seconds']:.1f} s ({MEMBERS / done['seconds']:,.0f} members/s)"
    return at_most(what, done["seconds"], 10, " s", shown=shown)
