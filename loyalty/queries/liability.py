"""What a merchant owes its members: points not yet spent, by the month in which they would expire."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db import connection

from loyalty.models import Program

_CENT = Decimal("0.01")


@dataclass(slots=True)
class Liability:
    """The unspent points of one program. `by_month`: (the month as YYYY-MM, points); None is without a date."""

    program: Program
    by_month: list[tuple[str | None, int]] = field(default_factory=list)

    @property
    def points(self) -> int:
        return sum(points for _, points in self.by_month)

    def worth(self, points: int) -> Decimal:
        """The value of points in the program's currency."""
        return (points * self.program.point_value).quantize(_CENT)


# Points of a lot fall due with the lot, points without a lot with the member's inactivity; under `both`, a lot with
# whichever comes first. Nobody's points expire in a program, or on a card, that is switched off.
_QUERY = """
    WITH p AS (
        SELECT * FROM unnest(%(programs)s::uuid[], %(zones)s::text[], %(by_lots)s::bool[], %(days)s::int[])
            AS p (id, zone, by_lots, days)
    ),
    members AS (
        SELECT m.id, m.program_id, m.points_balance, p.zone, p.by_lots AND m.is_active AS by_lots,
               CASE WHEN m.is_active THEN m.last_activity_at + p.days * interval '24 hours' END AS idle_at
          FROM loyalty_members m JOIN p ON p.id = m.program_id
          WHERE m.points_balance > 0
    ),
    lots AS (
        SELECT l.member_id, l.points - l.consumed AS points, l.expires_at
          FROM loyalty_point_expirations l JOIN members ON members.id = l.member_id
          WHERE l.status = 'scheduled'
    ),
    undated AS (
        SELECT members.id, members.points_balance - coalesce(sum(lots.points), 0) AS points
          FROM members LEFT JOIN lots ON lots.member_id = members.id
          GROUP BY members.id, members.points_balance
    ),
    owed AS (
        SELECT members.program_id, lots.points, members.zone,
               least(CASE WHEN members.by_lots THEN lots.expires_at END, members.idle_at) AS due
          FROM lots JOIN members ON members.id = lots.member_id
        UNION ALL
        SELECT members.program_id, undated.points, members.zone, members.idle_at
          FROM undated JOIN members ON members.id = undated.id
          WHERE undated.points > 0
    )
    SELECT program_id, to_char(due AT TIME ZONE zone, 'YYYY-MM') AS month, sum(points)::bigint
      FROM owed GROUP BY program_id, month ORDER BY program_id, month NULLS LAST"""


def liabilities(programs: Sequence[Program]) -> Iterable[Liability]:
    """What each of the programs owes now."""
    owed = {program.pk: Liability(program) for program in programs}
    with connection.cursor() as cursor:
        cursor.execute(
            _QUERY,
            {
                "programs": [program.pk for program in programs],
                "zones": [program.time_zone for program in programs],
                "by_lots": [program.is_active and program.expires_by_lots for program in programs],
                "days": [
                    program.points_expiration_days if program.is_active and program.expires_by_inactivity else None
                    for program in programs
                ],
            },
        )
        for program_id, month, points in cursor.fetchall():
            owed[program_id].by_month.append((month, points))
    return owed.values()
