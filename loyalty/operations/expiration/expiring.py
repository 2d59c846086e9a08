"""Taking what is due, chunk by chunk."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction

from loyalty import ledger
from loyalty.events import PointsExpired
from loyalty.ledger import Posting
from loyalty.models import EntryType, Member, Program
from loyalty.operations.expiration import due, warning
from loyalty.operations.expiration.due import Night
from loyalty_site import outbox

log = structlog.get_logger("loyalty.point_expiration")

# A till waits for at most one chunk: about 30 ms of work, well inside its 250 ms.
CHUNK = 500

# Members whom somebody else held are tried again; a till lets go within moments, another worker takes them itself.
_LATER_TRIES = 5
_PAUSE_SECONDS = 0.1

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
    # skip_locked: a member at the till right now is active; leave them be.
    # no_key: a mere foreign-key check on a member must neither block us nor be skipped.
    members, taken = lock_chunk(night, due.INACTIVE, ids)
    postings = [
        Posting(
            member=member,
            type=EntryType.POINTS_EXPIRED,
            points=-member.points_available,
            run_id=run_id,
            metadata={
                "policy": "inactivity",
                "last_activity_at": member.last_activity_at.isoformat(),
                "days": night.program.points_expiration_days,
            },
        )
        for member in members
    ]
    _post(postings, night, taken)
    return taken


@transaction.atomic(durable=True)
def _expire_lots_chunk(night: Night, ids: list[UUID], run_id: UUID) -> Taken:
    members, taken = lock_chunk(night, due.WITH_DUE_LOTS, ids)
    due_lots = _due_lots(night, [member.pk for member in members])
    postings = []
    for member in members:
        lots = due_lots.get(member.pk, [])
        # What is held stays: it covers lots in spending order, the due ones before all others.
        left = sum(points for _, points in lots) - member.points_held
        if left <= 0:
            continue
        named, points = [], left
        for lot, remaining in lots:
            share = min(remaining, points)
            if share <= 0:
                break
            named.append({"lot": lot, "points": share})
            points -= share
        taken.counts["lots"] += len(named)
        postings.append(
            Posting(
                member=member,
                type=EntryType.POINTS_EXPIRED,
                points=-left,
                run_id=run_id,
                metadata={"policy": "lots", "days": night.program.points_valid_days, "lots": named},
            )
        )
    _post(postings, night, taken)
    return taken


def _post(postings: list[Posting], night: Night, taken: Taken) -> None:
    posted = ledger.post(postings, at=night.at)
    outbox.publish_many(PointsExpired.of(one) for one in posted)
    if posted:
        taken.counts["members"] += len(posted)
        taken.counts["points"] += -sum(posting.points for posting in postings)


def lock_chunk(night: Night, condition: str, ids: list[UUID]) -> tuple[list[Member], Taken]:
    """Lock those of `ids` who still meet the condition and whom nobody else holds; the rest is `missed`."""
    query = f"""
        SELECT m.* FROM loyalty_members m
          WHERE m.id = ANY (%(ids)s) AND {condition}
          ORDER BY m.id
          FOR NO KEY UPDATE SKIP LOCKED"""
    members = list(Member.objects.raw(query, night.parameters | {"ids": ids}))
    for member in members:
        member.program = night.program
    locked = {member.pk for member in members}
    return members, Taken(missed=[pk for pk in ids if pk not in locked] if len(locked) < len(ids) else [])


def _due_lots(night: Night, member_ids: list[UUID]) -> dict[UUID, list[tuple[str, int]]]:
    """Id and remaining points of each member's due lots, in spending order. Read after the lock: nothing moves now."""
    query = f"""
        SELECT m.id, jsonb_agg(jsonb_build_array(l.id, l.points - l.consumed) ORDER BY l.expires_at, l.number)
          FROM unnest(%(ids)s::uuid[]) AS m (id)
          JOIN loyalty_point_expirations l ON {due.LOT_IS_DUE}
          GROUP BY m.id"""
    with connection.cursor() as cursor:
        due.pin_nested_loops(cursor)
        cursor.execute(query, night.parameters | {"ids": member_ids})
        return {member: [(lot, points) for lot, points in json.loads(lots)] for member, lots in cursor.fetchall()}


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
