"""The hourly progression of one program after another."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

import structlog

from loyalty.models import Program
from loyalty.operations.progression import retiering, streaks
from loyalty.operations.walking import CHUNK

log = structlog.get_logger("loyalty.progression")

Advance = Callable[[int], None]

_COUNTS = ("programs", "streaks", "points", "lots", *retiering.KINDS)


def advance(
    *,
    programs: Iterable[Program],
    at: datetime,
    run_id: UUID,
    chunk: int = CHUNK,
    told: Advance = lambda members: None,
) -> Counter[str]:
    """Post the streak bonuses owed at `at`, then raise, warn and lower members by their points; chunks commit.

    Counts programs, streaks, points, lots, raised, warned, lowered, recovered (a warning that is void again) and
    skipped_locked; `told` hears of the members of each chunk. A crash keeps what is done, and running again does only
    what is left; several workers share the work. Bonuses belong to `run_id`. Inactive programs and members are left
    out.
    """
    return _each(programs, at, run_id, chunk, told, lowers=True)


def retier(
    *,
    programs: Iterable[Program],
    at: datetime,
    run_id: UUID,
    chunk: int = CHUNK,
    told: Advance = lambda members: None,
) -> Counter[str]:
    """Raise whoever stands too low after a program's rules have changed. Nobody is warned or lowered.

    Counts programs, raised, recovered and skipped_locked; otherwise like `advance`.
    """
    return _each(programs, at, run_id, chunk, told, lowers=False)


def _each(
    programs: Iterable[Program], at: datetime, run_id: UUID, chunk: int, told: Advance, *, lowers: bool
) -> Counter[str]:
    names = _COUNTS if lowers else ("programs", "raised", "recovered")
    counts: Counter[str] = Counter(dict.fromkeys((*names, "skipped_locked"), 0))
    for program in programs:
        counts["programs"] += 1
        if not program.is_active:
            continue
        heard = _listener(program, run_id, counts, told)
        if lowers:
            counts["skipped_locked"] += streaks.reward(program, at, run_id, chunk=chunk, heard=heard)
        counts["skipped_locked"] += retiering.retier(program, at, run_id, lowers=lowers, chunk=chunk, heard=heard)
    return counts


def _listener(program: Program, run_id: UUID, counts: Counter[str], told: Advance) -> retiering.Heard:
    def heard(done: Counter[str]) -> None:
        counts.update(done)
        if done:
            told(done["streaks"] or sum(done.values()))
            log.info("chunk", merchant=str(program.merchant_id), run=str(run_id), **done)

    return heard


def preview(*, programs: Iterable[Program], at: datetime) -> Counter[str]:
    """What `advance` would do at `at`, as things stand now; nothing is written.

    Tiers are foreseen from today's points: what a foreseen bonus would add to them is not counted in.
    """
    counts: Counter[str] = Counter(dict.fromkeys(_COUNTS, 0))
    for program in programs:
        counts["programs"] += 1
        if program.is_active:
            counts.update(streaks.foreseen(program, at))
            counts.update(retiering.foreseen(program, at, lowers=True))
    return counts
