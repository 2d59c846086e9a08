"""What a run would do: counted in the database, nothing written."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from loyalty.models import Program
from loyalty.operations.expiration import due
from loyalty.operations.expiration.due import Night


@dataclass(frozen=True, slots=True)
class TierPreview:
    """The due members of one tier; `tier` is its slug, None for members without one."""

    tier: str | None
    members: int
    points: int
    unwarned: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run at `at` would take and whom it would warn. `warned` of the due members were warned before."""

    at: datetime
    members: int
    points: int
    lots: int
    warned: int
    unwarned: int
    to_warn: int
    tiers: list[TierPreview]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a report."""
        return asdict(self)


# What inactivity takes is a member's whole free balance; what lots take is the due ones less what is held. Under
# `both`, inactivity comes first and leaves the lots nothing.
_QUERY = f"""
    WITH inactive AS (
        SELECT m.id, m.tier_id, m.points_balance - m.points_held AS points, 0 AS lots,
               m.last_expiration_warning_at >= m.last_activity_at AS warned
          FROM loyalty_members m
          WHERE %(by_inactivity)s AND m.program_id = %(program)s AND {due.INACTIVE}
    ),
    aged AS (
        SELECT m.id, m.tier_id, sum(l.points - l.consumed) - m.points_held AS points, count(*) AS lots,
               bool_and(l.warned_at IS NOT NULL) AS warned
          FROM loyalty_members m
          JOIN loyalty_point_expirations l ON {due.LOT_IS_DUE}
          WHERE %(by_lots)s AND m.program_id = %(program)s AND {due.MAY_LOSE}
            AND m.id NOT IN (SELECT id FROM inactive)
          GROUP BY m.id
          HAVING sum(l.points - l.consumed) > m.points_held
    ),
    losing AS (SELECT * FROM inactive UNION ALL SELECT * FROM aged),
    by_tier AS (
        SELECT t.slug, t.point_threshold, count(*) AS members, sum(losing.points)::bigint AS points,
               sum(losing.lots)::bigint AS lots, count(*) FILTER (WHERE losing.warned IS NOT TRUE) AS unwarned
          FROM losing LEFT JOIN loyalty_tiers t ON t.id = losing.tier_id
          GROUP BY t.slug, t.point_threshold
    ),
    to_warn AS (
        SELECT count(*) AS members FROM loyalty_members m
          WHERE m.program_id = %(program)s AND (
              (%(by_inactivity)s AND {due.TO_WARN_OF_INACTIVITY})
              OR (%(by_lots)s AND {due.WITH_LOTS_TO_WARN_OF}))
    )
    SELECT to_warn.members, by_tier.slug, by_tier.members, by_tier.points, by_tier.lots, by_tier.unwarned
      FROM to_warn LEFT JOIN by_tier ON true
      ORDER BY by_tier.point_threshold NULLS FIRST"""


def preview(program: Program, at: datetime) -> Preview:
    """What a run at `at` would do in this program. `at` may lie ahead: as things stand now."""
    if not program.is_active:
        return Preview(at, 0, 0, 0, 0, 0, 0, [])
    parameters = Night(program, at).parameters | {
        "by_inactivity": program.expires_by_inactivity,
        "by_lots": program.expires_by_lots,
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, parameters)
        rows = cursor.fetchall()
    to_warn = rows[0][0]
    rows = [row[1:] for row in rows if row[2] is not None]
    members, unwarned = sum(row[1] for row in rows), sum(row[4] for row in rows)
    return Preview(
        at=at,
        members=members,
        points=sum(row[2] for row in rows),
        lots=sum(row[3] for row in rows),
        warned=members - unwarned,
        unwarned=unwarned,
        to_warn=to_warn,
        tiers=[TierPreview(row[0], row[1], row[2], row[4]) for row in rows],
    )
