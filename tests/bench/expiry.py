"""The nightly expiry: against the row-by-row form, growing with the members, flat in memory, shared by two workers."""

import math
import resource
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench import ground, people
from tests.bench.table import Row, at_least, at_most
from tests.bench.worker import Worker, together, workers

NIGHT = datetime(2026, 6, 30, 2, 0, tzinfo=UTC)
DAYS = 180
# Nine members of ten are due, the tenth is to be warned.
WARNED_EVERY = 10

# The row-by-row form does a part of the crowd a round: its cost is a row's.
OF_THE_CROWD = 2_000


# --- In a worker ----------------------------------------------------------------------------------------------
def night(*, slug: str, at: str) -> dict[str, Any]:
    """One program's night: how many members were expired or warned, in how many seconds, and the peak of memory."""
    from loyalty.models import Program
    from loyalty.operations import expiration
    from loyalty_site.ids import new_id

    program = Program.objects.get(merchant__slug=slug)
    begin = time.perf_counter()
    counts = expiration.expire(programs=[program], at=datetime.fromisoformat(at), run_id=new_id())
    return {
        "seconds": time.perf_counter() - begin,
        "members": counts["members"] + counts["warned"],
        "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


# --- In the bench ---------------------------------------------------------------------------------------------
def rows(*, rounds: int = 3, large: bool = False) -> Iterator[Row]:
    """The rows of expiry."""
    yield from _against_row_by_row(min(rounds, 3), 10_000 if large else OF_THE_CROWD)
    yield from _growing()
    yield _two_workers(min(rounds, 3))


def _crowd(slug: str, prefix: int, database: str, members: int, *, lots: bool) -> str:
    due, near = NIGHT - timedelta(days=DAYS + 20), NIGHT - timedelta(days=DAYS - 10)
    program = people.make_program(
        slug,
        expiry_policy="lots" if lots else "inactivity",
        points_expiration_days=DAYS,
        points_valid_days=DAYS,
    )
    crowd = people.Crowd(
        members=members,
        active_at=due,
        points=100,
        every=WARNED_EVERY,
        other_at=near,
        lot_at=NIGHT - timedelta(days=20) if lots else None,
        other_lot_at=NIGHT + timedelta(days=10) if lots else None,
    )
    with ground.loading(database) as connection:
        people.load(connection, program, prefix, crowd)
    return slug


def _run(worker: Worker, module: str, slug: str, members: int) -> dict[str, Any]:
    done = worker.call(module, "night", slug=slug, at=NIGHT.isoformat())
    if done["members"] != members:
        raise SystemExit(f"{module}.night did {done['members']} members of {members}")
    return dict(done)


def _against_row_by_row(rounds: int, part: int) -> Iterator[Row]:
    with ground.database("expiry_10k") as database:
        cases = ((False, "without lots", 30), (True, "a lot a member", 20))
        for lots, _, _ in cases:
            for number in range(rounds + 1):
                prefix = 1000 * lots + 10 * number
                _crowd(f"set-{lots}-{number}", prefix + 1, database, 10_000, lots=lots)
                _crowd(f"row-{lots}-{number}", prefix + 2, database, part if number else 100, lots=lots)
        people.settle_down(database)
        with workers(1) as [project], workers(1, role="owner") as [other]:
            for lots, name, bar in cases:
                pairs = []
                for number in range(rounds + 1):
                    theirs = _run(other, "rowwise", f"row-{lots}-{number}", part if number else 100)
                    ours = _run(project, "expiry", f"set-{lots}-{number}", 10_000)
                    pairs.append((10_000 / ours["seconds"], theirs["members"] / theirs["seconds"]))
                # The first of each only warms up.
                what = f"expiry of 10,000 members, {name} (other form: row by row)"
                yield at_least(what, pairs[1:], bar, " members/s")


def _growing() -> Iterator[Row]:
    seconds: dict[int, float] = {}
    for members in (10_000, 100_000, 1_000_000):
        with ground.database(f"expiry_{members}") as database:
            for number in range(4):
                _crowd(f"small-{number}", 10 + number, database, 10_000, lots=False)
            if members > 10_000:
                _crowd("crowd", 1, database, members, lots=False)
            people.settle_down(database)
            with workers(1) as [worker]:
                small = [_run(worker, "expiry", f"small-{number}", 10_000) for number in range(4)]
                if members == 10_000:
                    seconds[members] = statistics.median(each["seconds"] for each in small[1:])
                    continue
                done = _run(worker, "expiry", "crowd", members)
                seconds[members] = done["seconds"]
                if members == 1_000_000:
                    shown = f"{done['seconds']:.1f} s ({members / done['seconds']:,.0f} members/s)"
                    yield at_most("expiry of 1,000,000 members", done["seconds"], 60, " s", shown=shown)
                    more = (done["peak_kb"] - small[-1]["peak_kb"]) / 1024
                    yield at_most("memory of that night above one of 10,000", more, 5, " MB")
    exponent = math.log(seconds[1_000_000] / seconds[10_000]) / math.log(100)
    beside = ", ".join(f"{members:,}: {taken:.1f} s" for members, taken in seconds.items())
    yield at_most("growth exponent from 10,000 to 1,000,000", exponent, 1.2, "", beside=beside)


def _two_workers(rounds: int, members: int = 50_000) -> Row:
    with ground.database("expiry_two") as database:
        for number in range(rounds):
            for name, prefix in (("one", 1), ("two", 2)):
                _crowd(f"{name}-{number}", 10 * number + prefix, database, members, lots=False)
        _crowd("warm", 9, database, 1000, lots=False)
        people.settle_down(database)
        pairs = []
        with workers(2) as team:
            together(team, "expiry", "night", slug="warm", at=NIGHT.isoformat())
            for number in range(rounds):
                alone = _run(team[0], "expiry", f"one-{number}", members)
                begin = time.perf_counter()
                shared = together(team, "expiry", "night", slug=f"two-{number}", at=NIGHT.isoformat())
                taken = time.perf_counter() - begin
                if sum(each["members"] for each in shared) != members:
                    raise SystemExit(f"two workers did {shared} of {members}")
                pairs.append((members / taken, members / alone["seconds"]))
        return at_least("two workers on one program (other form: one)", pairs, 1.3, " members/s")
