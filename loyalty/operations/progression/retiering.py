"""Putting members into the tiers of their points, set-based: raised at once, lowered by the program's policy."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from loyalty.events import MemberEvent, TierDowngraded, TierDowngradeWarned, TierUpgraded
from loyalty.models import Program, Tier
from loyalty.operations import walking
from loyalty.operations.progression.standing import MAY_MOVE, Ladder, Moved, judged, moving_query, to_move
from loyalty.operations.walking import CHUNK, Taken
from loyalty_site import outbox

KINDS = ("raised", "warned", "lowered", "recovered")

Heard = Callable[[Counter[str]], None]


def ladder_at(program: Program, at: datetime, *, lowers: bool) -> Ladder:
    """The program's ladder as it is stored now, whatever our copy of the program has seen before."""
    tiers = list(Tier.objects.filter(program=program, is_active=True).order_by("point_threshold"))
    return Ladder(program, tiers, at, lowers)


def retier(program: Program, at: datetime, run_id: UUID, *, lowers: bool, chunk: int = CHUNK, heard: Heard) -> int:
    """Move every active member of the program who does not stand where their points put them at `at`.

    Each chunk commits; `heard` is told of its counts: raised, warned, lowered, recovered. Without `lowers` nobody is
    warned or lowered. Returns how many members were held by somebody else all the while.
    """
    ladder = ladder_at(program, at, lowers=lowers)
    step = partial(_move_chunk, ladder, run_id)
    return walking.through(ladder, to_move(program), step, chunk=chunk, heard=heard)


@transaction.atomic(durable=True)
def _move_chunk(ladder: Ladder, run_id: UUID, ids: list[UUID]) -> Taken:
    # They are judged once they are locked: to judge them while locking would add everything up once more.
    locked, taken = walking.lock(ladder, MAY_MOVE, ids)
    taken.counts.update(move(ladder, locked, run_id))
    return taken


def move(ladder: Ladder, ids: list[UUID], run_id: UUID) -> Counter[str]:
    """Judge these members, whom the transaction under way has locked, move them and publish their news."""
    if not ids:
        return Counter()
    with connection.cursor() as cursor:
        walking.pin_nested_loops(cursor)
        cursor.execute(moving_query(ladder.program), ladder.parameters | {"ids": walking.array(ids)})
        moved = [Moved(*row) for row in cursor.fetchall()]
    # A tier that members still stand on may be switched off, so all of them are looked up.
    slugs = dict(Tier.objects.filter(program=ladder.program).values_list("pk", "slug"))
    outbox.publish_many(_news(ladder, one, slugs, run_id) for one in moved if one.kind != "recovered")
    return Counter(one.kind for one in moved)


def _news(ladder: Ladder, moved: Moved, slugs: dict[UUID, str], run_id: UUID) -> MemberEvent:
    facts: dict[str, Any] = {
        "merchant_id": ladder.program.merchant_id,
        "member_id": moved.member_id,
        "occurred_at": ladder.at,
        "to_tier": slugs[moved.to_id] if moved.to_id is not None else None,
        "qualifying_points": moved.points,
    }
    before = slugs[moved.from_id] if moved.from_id is not None else None
    if moved.kind == "raised":
        return TierUpgraded(from_tier=before, **facts)
    if moved.kind == "lowered":
        return TierDowngraded(from_tier=before or "", run_id=run_id, **facts)
    return TierDowngradeWarned(
        from_tier=before or "", run_id=run_id, downgrade_at=ladder.at + ladder.warning_period, **facts
    )


def foreseen(program: Program, at: datetime, *, lowers: bool) -> Counter[str]:
    """What `retier` would do, by kind; nothing is written and nobody waits."""
    ladder = ladder_at(program, at, lowers=lowers)
    query = f"""
        SELECT judged.kind, count(*) FROM loyalty_members m
          CROSS JOIN LATERAL ({judged(program)}) AS judged
          WHERE m.program_id = %(program)s AND {MAY_MOVE} AND judged.kind IS NOT NULL
          GROUP BY judged.kind"""
    with connection.cursor() as cursor:
        cursor.execute(query, ladder.parameters)
        return Counter({**dict.fromkeys(KINDS, 0), **dict(cursor.fetchall())})
