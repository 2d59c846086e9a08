"""Taking what is due, chunk by chunk."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from django.db import connection, transaction

from loyalty import ledger_sets
from loyalty.events import PointsExpired
from loyalty.models import Member, Program
from loyalty.operations import walking
from loyalty.operations.expiration import due, warning
from loyalty.operations.expiration.due import Night
from loyalty.operations.walking import CHUNK, Taken

log = structlog.get_logger("loyalty.point_expiration")

# One chunk of one night's members: step(night, ids, run_id=...).
Step = Callable[..., Taken]


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
        progress.begin(program)
        _spend_the_night(Night(program, at), run_id, chunk, counts, progress, warn)
    return counts


def _spend_the_night(
    night: Night, run_id: UUID, chunk: int, counts: Counter[str], progress: Progress, warn: bool
) -> None:
    def heard(done: Counter[str]) -> None:
        counts.update(done)
        progress.advance(done)
        if done:
            log.info("chunk", merchant=str(night.program.merchant_id), run=str(run_id), **done)

    for condition, step in _steps(night.program, warn):
        taking = partial(step, night, run_id=run_id)
        counts["skipped_locked"] += walking.through(night, condition, taking, chunk=chunk, heard=heard)


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


@transaction.atomic(durable=True)
def _expire_inactive_chunk(night: Night, ids: list[UUID], run_id: UUID) -> Taken:
    locked, taken = walking.lock(night, due.INACTIVE, ids)
    _post(INACTIVITY_POSTINGS, night, locked, run_id, taken)
    return taken


@transaction.atomic(durable=True)
def _expire_lots_chunk(night: Night, ids: list[UUID], run_id: UUID) -> Taken:
    locked, taken = walking.lock(night, due.WITH_DUE_LOTS, ids)
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
        night.parameters | {"ids": walking.array(ids), "run": run_id},
        at=night.at,
        news=PointsExpired,
        tally=_LOTS_CUT if of_lots else "0",
    )
    if not written.entries:
        return
    taken.counts.update(members=written.entries, points=-written.points)
    if of_lots:
        taken.counts["lots"] += written.tally


_TOLD_OF = "m.id, m.merchant_id, m.program_id, m.customer_id, m.points_balance, m.points_held, m.last_activity_at"


def lock_chunk(night: Night, condition: str, ids: list[UUID]) -> tuple[list[Member], Taken]:
    """As `walking.lock`, with the members, program and all; what a warning does not tell of is left unread."""
    with connection.cursor() as cursor:
        walking.pin_nested_loops(cursor)
    members = list(
        Member.objects.raw(walking.lock_query(condition, _TOLD_OF), night.parameters | {"ids": walking.array(ids)})
    )
    for member in members:
        member.program = night.program
    return members, Taken(missed=walking.others(ids, [member.pk for member in members]))


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
