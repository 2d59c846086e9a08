"""Taking what is due, chunk by chunk."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction

from loyalty import ledger_sets
from loyalty.events import PointsExpired
from loyalty.models import Member, Program
from loyalty.operations.expiration import due, warning
from loyalty.operations.expiration.due import Night

log = structlog.get_logger("loyalty.point_expiration")

# A till waits for at most one chunk: about 15 ms of work, well inside its 250 ms.
CHUNK = 500

# Members whom somebody else held are tried again; a till lets go within moments, another worker takes them itself.
_LATER_TRIES = 5
_PAUSE_SECONDS = 0.1
_MANY_MISSED = 10_000

Step = Callable[[Night, list[UUID], UUID], "Taken"]


@dataclass(slots=True)
class Taken:
    """What one chunk did. `missed`: members who were locked by somebody else."""

    counts: Counter[str] = field(default_factory=Counter)
    missed: list[UUID] = field(default_factory=list)


class Progress:
    """Hears of the work as it goes on; a command draws a bar with it. This one keeps still."""

    def begin(self, program: Program) -> None:
        """A program's night begins."""

    def advance(self, counts: Counter[str]) -> None:
        """A chunk is committed; `counts` are its own."""


def expire(
    *,
    programs: Iterable[Program],
    at: datetime,
    run_id: UUID,
    chunk: int = CHUNK,
    progress: Progress | None = None,
    warn: bool = True,
) -> Counter[str]:
    """Expire what is due at `at` and warn of what soon will be; each chunk commits by itself.

    Counts programs, members (who lost points), points, lots (emptied or cut), warned, skipped_locked. A crash keeps
    what is done, and running again takes only what is left; several workers share the work, and a member at the till
    is passed over and tried again at the end. Entries belong to `run_id` and happen at `at`. A replay of the past
    does not `warn`.
    """
    counts: Counter[str] = Counter(programs=0, members=0, points=0, lots=0, warned=0, skipped_locked=0)
    progress = progress or Progress()
    for program in programs:
        counts["programs"] += 1
        if not program.is_active:
            continue
        night = Night(program, at)
        progress.begin(program)
        for condition, step in _steps(program, warn):
            _walk(night, condition, step, run_id, chunk, counts, progress)
    return counts


def _steps(program: Program, warn: bool) -> list[tuple[str, Step]]:
    """Inactivity first: under `both` it takes all a member has free, so that the lots find nothing left."""
    steps: list[tuple[str, Step]] = []
    if program.expires_by_inactivity:
        steps.append((due.INACTIVE, _expire_inactive_chunk))
    if program.expires_by_lots:
        steps.append((due.WITH_DUE_LOTS, _expire_lots_chunk))
    if program.expires_by_inactivity and warn:
        steps.append((due.TO_WARN_OF_INACTIVITY, _warn_of_inactivity_chunk))
    if program.expires_by_lots and warn:
        steps.append((due.WITH_LOTS_TO_WARN_OF, _warn_of_lots_chunk))
    return steps


def _walk(
    night: Night, condition: str, step: Step, run_id: UUID, chunk: int, counts: Counter[str], progress: Progress
) -> None:
    missed: list[UUID] = []
    for ids in due.walk(night, condition, chunk):
        missed += _take(night, step, ids, run_id, counts, progress)
        if len(missed) >= _MANY_MISSED:
            # Another worker's chunks, taken by now but for its last: forget them, so that memory does not grow.
            missed = due.still(night, condition, missed)
    for _ in range(_LATER_TRIES):
        if not missed:
            return
        time.sleep(_PAUSE_SECONDS)
        # Whoever was active meanwhile, or was taken by another worker, is not due any more.
        again, missed = due.still(night, condition, missed), []
        for first in range(0, len(again), chunk):
            missed += _take(night, step, again[first : first + chunk], run_id, counts, progress)
    counts["skipped_locked"] += len(due.still(night, condition, missed))


def _take(
    night: Night, step: Step, ids: list[UUID], run_id: UUID, counts: Counter[str], progress: Progress
) -> list[UUID]:
    taken = step(night, ids, run_id)
    counts.update(taken.counts)
    progress.advance(taken.counts)
    if taken.counts:
        log.info("chunk", merchant=str(night.program.merchant_id), run=str(run_id), **taken.counts)
    return taken.missed


@transaction.atomic(durable=True)
def _expire_inactive_chunk(night: Night, ids: list[UUID], run_id: UUID) -> Taken:
    locked, taken = _lock(night, due.INACTIVE, ids)
    _post(INACTIVITY_POSTINGS, night, locked, run_id, taken)
    return taken


@transaction.atomic(durable=True)
def _expire_lots_chunk(night: Night, ids: list[UUID], run_id: UUID) -> Taken:
    locked, taken = _lock(night, due.WITH_DUE_LOTS, ids)
    _post(LOTS_POSTINGS, night, locked, run_id, taken)
    return taken


INACTIVITY_POSTINGS = """
    SELECT m.id AS member_id, 'points_expired' AS type, m.points_held - m.points_balance AS points,
           %(run)s::uuid AS run_id,
           jsonb_build_object(
               'policy', 'inactivity', 'last_activity_at', m.last_activity_at, 'days', %(inactivity_days)s::integer
           ) AS metadata
      FROM loyalty_members m
      WHERE m.id = ANY (%(ids)s::uuid[])
      ORDER BY m.id"""

# What is held stays: it covers lots in spending order, the due ones before all others. Of the due lots, in that order,
# `leaving` points go; `before` of them stand in earlier lots. Read after the lock: nothing moves now.
LOTS_POSTINGS = f"""
    WITH lot AS (
        SELECT m.id AS member_id, l.id, l.expires_at, l.number, l.points - l.consumed AS remaining,
               sum(l.points - l.consumed) OVER member - m.points_held AS leaving,
               sum(l.points - l.consumed) OVER (member ORDER BY l.expires_at, l.number)
                   - (l.points - l.consumed) AS before
          FROM loyalty_members m
          JOIN loyalty_point_expirations l ON {due.LOT_IS_DUE}
          WHERE m.id = ANY (%(ids)s::uuid[])
          WINDOW member AS (PARTITION BY m.id)
    )
    SELECT lot.member_id, 'points_expired' AS type, -max(lot.leaving)::bigint AS points, %(run)s::uuid AS run_id,
           jsonb_build_object('policy', 'lots', 'days', %(lots_days)s::integer, 'lots', jsonb_agg(
               jsonb_build_object('lot', lot.id, 'points', least(lot.remaining, lot.leaving - lot.before))
               ORDER BY lot.expires_at, lot.number)) AS metadata
      FROM lot
      WHERE lot.leaving > lot.before
      GROUP BY lot.member_id
      ORDER BY lot.member_id"""

# Of the entries that the lots' postings wrote.
_LOTS_CUT = "sum(jsonb_array_length(e.metadata -> 'lots'))"


def _post(postings: str, night: Night, ids: list[UUID], run_id: UUID, taken: Taken) -> None:
    if not ids:
        return
    of_lots = postings is LOTS_POSTINGS
    written = ledger_sets.post_query(
        postings,
        night.parameters | {"ids": due.array(ids), "run": run_id},
        at=night.at,
        news=PointsExpired,
        tally=_LOTS_CUT if of_lots else "0",
    )
    if not written.entries:
        return
    taken.counts.update(members=written.entries, points=-written.points)
    if of_lots:
        taken.counts["lots"] += written.tally


def lock_query(condition: str, columns: str = "m.id") -> str:
    """The statement that locks a chunk; a test holds its plan, and those of the postings."""
    # skip_locked: a member at the till right now is active; leave them be.
    # no_key: a mere foreign-key check on a member must neither block us nor be skipped.
    return f"""
        SELECT {columns} FROM loyalty_members m
          WHERE m.id = ANY (%(ids)s::uuid[]) AND {condition}
          ORDER BY m.id
          FOR NO KEY UPDATE SKIP LOCKED"""


def _lock(night: Night, condition: str, ids: list[UUID]) -> tuple[list[UUID], Taken]:
    """Lock those of `ids` who still meet the condition and whom nobody else holds; the rest is `missed`."""
    with connection.cursor() as cursor:
        due.pin_nested_loops(cursor)
        cursor.execute(lock_query(condition), night.parameters | {"ids": due.array(ids)})
        locked = [row[0] for row in cursor.fetchall()]
    return locked, Taken(missed=_others(ids, locked))


_TOLD_OF = "m.id, m.merchant_id, m.program_id, m.customer_id, m.points_balance, m.points_held, m.last_activity_at"


def lock_chunk(night: Night, condition: str, ids: list[UUID]) -> tuple[list[Member], Taken]:
    """As `_lock`, with the members themselves, program and all; what a warning does not tell of is left unread."""
    with connection.cursor() as cursor:
        due.pin_nested_loops(cursor)
    members = list(Member.objects.raw(lock_query(condition, _TOLD_OF), night.parameters | {"ids": due.array(ids)}))
    for member in members:
        member.program = night.program
    return members, Taken(missed=_others(ids, [member.pk for member in members]))


def _others(ids: list[UUID], locked: list[UUID]) -> list[UUID]:
    return [] if len(locked) == len(ids) else sorted(set(ids).difference(locked))


@transaction.atomic(durable=True)
def _warn_of_inactivity_chunk(night: Night, ids: list[UUID], run_id: UUID) -> Taken:
    members, taken = lock_chunk(night, due.TO_WARN_OF_INACTIVITY, ids)
    warning.warn_of_inactivity(night, members, run_id)
    if members:
        taken.counts["warned"] += len(members)
    return taken


@transaction.atomic(durable=True)
def _warn_of_lots_chunk(night: Night, ids: list[UUID], run_id: UUID) -> Taken:
    members, taken = lock_chunk(night, due.WITH_LOTS_TO_WARN_OF, ids)
    warning.warn_of_lots(night, members, run_id)
    if members:
        taken.counts["warned"] += len(members)
    return taken
