"""Where members stand against where their points put them, as SQL over m (specs/points.md "Tiers")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from loyalty.models import Program, Tier, TierBasis
from loyalty.models.programs import ONE_DAY
from loyalty.operations.tiers import ROLLING_WINDOW


@dataclass(frozen=True, slots=True)
class Ladder:
    """A program's active tiers at one instant `at`, with everything the conditions below compare with.

    Without `lowers` nobody is warned or lowered: what a merchant changes raises at once, only the hourly job lowers.
    """

    program: Program
    tiers: Sequence[Tier]
    at: datetime
    lowers: bool = True

    @property
    def warning_period(self) -> timedelta:
        return self.program.downgrade_warning_days * ONE_DAY

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything the conditions below name."""
        return {
            "program": self.program.pk,
            "at": self.at,
            "tiers": [tier.pk for tier in self.tiers],
            "thresholds": [tier.point_threshold for tier in self.tiers],
            "lowest": self.tiers[0].point_threshold if self.tiers else None,
            "window": self.at - ROLLING_WINDOW,
            "policy": self.program.downgrade_policy,
            "lowers": self.lowers,
            "warned_by": self.at - self.warning_period,
        }


# Points that count now, and whether some were moved after the run's instant: whoever was at the till meanwhile was
# raised there, and is neither warned nor lowered by what was true before.
_LIFETIME = "SELECT m.lifetime_points AS points, false AS later"
_ROLLING = """
    SELECT coalesce(sum(e.lifetime_delta) FILTER (WHERE e.occurred_at <= %(at)s), 0)::bigint AS points,
           coalesce(bool_or(e.occurred_at > %(at)s), false) AS later
      FROM loyalty_ledger_entries e
      WHERE e.member_id = m.id AND e.occurred_at > %(window)s AND e.lifetime_delta <> 0"""


# What the row itself says first: without a tier and with too few points ever, there is nothing to add up.
MAY_MOVE = "m.is_active AND (m.tier_id IS NOT NULL OR m.lifetime_points >= %(lowest)s)"


def judged(program: Program) -> str:
    """A query of one row for the member m: its points, `kind` of change, and the tiers `from_id` and `to_id`.

    `kind` is raised, warned, lowered, recovered (the warning is void), or NULL: nothing changes. A tier switched off
    gives way to an active one of the same threshold, otherwise it is lowered like any other.
    """
    points = _LIFETIME if program.tier_basis == TierBasis.LIFETIME else _ROLLING
    return f"""
        SELECT stood.points, stood.kind, stood.held_id AS from_id,
               (%(tiers)s::uuid[])[CASE
                   WHEN stood.kind IN ('warned', 'lowered') AND %(policy)s = 'one_down'
                       THEN width_bucket(stood.level - 1, %(thresholds)s::bigint[])
                   ELSE stood.place END] AS to_id
          FROM (
            SELECT placed.*, CASE
                WHEN placed.reached > coalesce(placed.level, -1)
                    OR (placed.reached = placed.level AND NOT placed.stands) THEN 'raised'
                WHEN placed.level IS NULL OR placed.reached = placed.level OR %(policy)s = 'never'
                    THEN CASE WHEN m.tier_warned_at IS NOT NULL THEN 'recovered' END
                WHEN NOT %(lowers)s OR placed.later THEN NULL
                WHEN m.tier_warned_at IS NULL THEN 'warned'
                WHEN m.tier_warned_at <= %(warned_by)s THEN 'lowered' END AS kind
              FROM (
                SELECT counted.*, held.id AS held_id, held.point_threshold AS level, held.is_active AS stands,
                       coalesce((%(thresholds)s::bigint[])[counted.place], -1) AS reached
                  FROM (
                    SELECT summed.*, width_bucket(summed.points, %(thresholds)s::bigint[]) AS place
                      FROM ({points}) AS summed) AS counted
                  LEFT JOIN loyalty_tiers held ON held.id = m.tier_id) AS placed) AS stood"""


def to_move(program: Program) -> str:
    """The condition of a member m for whom something changes."""
    return f"""{MAY_MOVE}
        AND EXISTS (SELECT 1 FROM ({judged(program)}) AS judgement WHERE judgement.kind IS NOT NULL)"""


def moving_query(program: Program) -> str:
    """Judge the locked members %(ids)s, move them, and tell of each: id, kind, from_id, to_id, points."""
    return f"""
        WITH judgement AS MATERIALIZED (
            SELECT m.id, judged.kind, judged.from_id, judged.to_id, judged.points
              FROM loyalty_members m
              CROSS JOIN LATERAL ({judged(program)}) AS judged
              WHERE m.id = ANY (%(ids)s::uuid[]) AND judged.kind IS NOT NULL
        ), moved AS (
            UPDATE loyalty_members m SET
                tier_id = CASE WHEN j.kind IN ('raised', 'lowered') THEN j.to_id ELSE m.tier_id END,
                tier_warned_at = CASE WHEN j.kind = 'warned' THEN %(at)s END
              FROM judgement j
              WHERE m.id = j.id
        )
        SELECT j.id, j.kind, j.from_id, j.to_id, j.points FROM judgement j ORDER BY j.id"""


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one member. `from_id` and `to_id` are tiers, None for none; for a warning, what is to come."""

    member_id: UUID
    kind: str
    from_id: UUID | None
    to_id: UUID | None
    points: int
