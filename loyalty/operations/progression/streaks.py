"""The weekly streak: a bonus for each week that follows a week with a visit (specs/points.md "Streak")."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from loyalty import ledger_sets
from loyalty.events import PointsAwarded
from loyalty.models import Program
from loyalty.operations import walking
from loyalty.operations.progression import retiering
from loyalty.operations.progression.standing import Ladder
from loyalty.operations.progression.weeks import Week
from loyalty.operations.walking import CHUNK, Taken

BONUS = 10
VALID_FOR = timedelta(days=180)

# A till that was offline may send a visit so late; its week then gets its bonus late.
LATEST_NEWS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Weeks:
    """The weeks of a program that may be owed a bonus at one instant `at`, oldest first."""

    program: Program
    at: datetime

    @property
    def _owed(self) -> list[Week]:
        week, last = Week.of(self.at - LATEST_NEWS, self.program.zone), Week.of(self.at, self.program.zone)
        weeks = [week]
        while week != last:
            week = week.after
            weeks.append(week)
        return weeks

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything the conditions below name. `edges` begin with the week before the first that may be owed."""
        owed = self._owed
        all_weeks = [owed[0].before, *owed]
        return {
            "program": self.program.pk,
            "at": self.at,
            "first": all_weeks[0].begins_at,
            "first_owed": owed[0].begins_at,
            "edges": [week.begins_at for week in all_weeks],
            "names": [week.name for week in all_weeks],
            "windows": [week.begins_at.isoformat() for week in all_weeks],
            "bonus": BONUS,
            "expires_at": self.at + VALID_FOR,
        }


# The oldest week of the member m that is owed a bonus, by its place among the edges. `visited` are the places of the
# weeks with a purchase or a stamp. A bonus that an undo took back has left its key behind, and is not owed again.
OWED_WEEK = """
    SELECT min(visit.place) AS place
      FROM (
        SELECT array_agg(DISTINCT width_bucket(e.occurred_at, %(edges)s::timestamptz[])) AS places
          FROM loyalty_ledger_entries e
          WHERE e.member_id = m.id AND e.type IN ('earn', 'stamp_earned')
            AND e.occurred_at >= %(first)s AND e.occurred_at <= %(at)s) AS visited
      CROSS JOIN LATERAL unnest(visited.places) AS visit (place)
      WHERE visit.place - 1 = ANY (visited.places)
        AND NOT EXISTS (
            SELECT 1 FROM loyalty_ledger_entries b
              WHERE b.merchant_id = m.merchant_id
                AND b.key = 'streak:' || (%(names)s::text[])[visit.place] || ':' || m.id)"""

# Whoever visited in a week that may be owed was active since it began.
MAY_BE_OWED = "m.is_active AND m.last_activity_at >= %(first_owed)s"

OWED = f"{MAY_BE_OWED} AND ({OWED_WEEK}) IS NOT NULL"

POSTINGS = f"""
    SELECT m.id AS member_id, 'tier_bonus' AS type, %(bonus)s::bigint AS points, true AS moves_lifetime,
           'streak:' || (%(names)s::text[])[owed.place] || ':' || m.id AS key,
           %(expires_at)s::timestamptz AS expires_at, %(run)s::uuid AS run_id,
           jsonb_build_object(
               'kind', 'streak_bonus', 'week', (%(names)s::text[])[owed.place],
               'window_start', (%(windows)s::text[])[owed.place]
           ) AS metadata
      FROM loyalty_members m
      CROSS JOIN LATERAL ({OWED_WEEK}) AS owed
      WHERE m.id = ANY (%(ids)s::uuid[]) AND owed.place IS NOT NULL
      ORDER BY m.id"""


def reward(
    program: Program, at: datetime, run_id: UUID, *, chunk: int = CHUNK, heard: Callable[[Counter[str]], None]
) -> int:
    """Post every streak bonus that the program's active members are owed at `at`, once each, as dated lots.

    A member who thereby reaches a tier is in it at once. Each chunk commits; `heard` is told of its counts: streaks,
    points, lots, raised. Returns how many members were held by somebody else all the while.
    """
    weeks = Weeks(program, at)
    ladder = retiering.ladder_at(program, at, lowers=False)
    return walking.through(weeks, OWED, partial(_reward_all_weeks, weeks, ladder, run_id), chunk=chunk, heard=heard)


def _reward_all_weeks(weeks: Weeks, ladder: Ladder, run_id: UUID, ids: list[UUID]) -> Taken:
    """A week a transaction, the oldest first: a member stands in a batch of the ledger once."""
    done = Taken()
    while ids:
        taken = _reward_chunk(weeks, ladder, run_id, ids)
        done.counts.update(taken.counts)
        done.missed += taken.missed
        # Nearly always nobody is left: more weeks are owed only where news came late.
        ids = walking.still(weeks, OWED, sorted(set(ids).difference(taken.missed)))
    return done


@transaction.atomic(durable=True)
def _reward_chunk(weeks: Weeks, ladder: Ladder, run_id: UUID, ids: list[UUID]) -> Taken:
    locked, taken = walking.lock(weeks, OWED, ids)
    if not locked:
        return taken
    asked = weeks.parameters | {"ids": walking.array(locked), "run": run_id}
    written = ledger_sets.post_query(POSTINGS, asked, at=weeks.at, news=PointsAwarded)
    if written.entries:
        taken.counts.update(streaks=written.entries, points=written.points, lots=written.entries)
        taken.counts.update(retiering.move(ladder, locked, run_id))
    return taken


def foreseen(program: Program, at: datetime) -> Counter[str]:
    """What `reward` would post; nothing is written and nobody waits."""
    every_week = OWED_WEEK.replace("min(visit.place) AS place", "count(*) AS weeks")
    query = f"""
        SELECT coalesce(sum(owed.weeks), 0)::bigint FROM loyalty_members m
          CROSS JOIN LATERAL ({every_week}) AS owed
          WHERE m.program_id = %(program)s AND {MAY_BE_OWED}"""
    with connection.cursor() as cursor:
        cursor.execute(query, Weeks(program, at).parameters)
        (owed,) = cursor.fetchone()
    return Counter(streaks=owed, points=owed * BONUS, lots=owed)
