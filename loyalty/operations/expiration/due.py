"""Who is due, and who is to be warned: the conditions of one night in one program, as SQL.

The walk (loyalty/operations/walking.py) reads an index of columns that never change: an index over due dates would
turn each earn into an update of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loyalty.models import Program


@dataclass(frozen=True, slots=True)
class Night:
    """One program at one run's instant `at`, with the moments its conditions compare with.

    `*_due`: activity, or a lot's date, at or before this is due. `*_near`: at or before this, it is time to warn.
    `*_warned`: with `warn_before_expiring`, whoever was warned when already due expires if it was at or before this.
    """

    program: Program
    at: datetime

    @property
    def inactivity_lead(self) -> timedelta:
        return self.program.warning_lead(self.program.points_expiration_days)

    @property
    def lots_lead(self) -> timedelta:
        return self.program.warning_lead(self.program.points_valid_days)

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything the conditions below name."""
        return {
            "program": self.program.pk,
            "at": self.at,
            "inactivity_days": self.program.points_expiration_days,
            "inactivity_period": self.program.inactivity_period,
            "inactivity_due": self.at - self.program.inactivity_period,
            "inactivity_near": self.at - self.program.inactivity_period + self.inactivity_lead,
            "inactivity_warned": self.at - self.inactivity_lead,
            "lots_days": self.program.points_valid_days,
            "lots_near": self.at + self.lots_lead,
            "lots_warned": self.at - self.lots_lead,
            "warn_first": self.program.warn_before_expiring,
        }


MAY_LOSE = "m.is_active AND m.points_balance > m.points_held"

INACTIVE = f"""{MAY_LOSE} AND m.last_activity_at <= %(inactivity_due)s AND (
    NOT %(warn_first)s
    OR (m.last_expiration_warning_at >= m.last_activity_at AND (
        m.last_expiration_warning_at < m.last_activity_at + %(inactivity_period)s
        OR m.last_expiration_warning_at <= %(inactivity_warned)s)))"""

TO_WARN_OF_INACTIVITY = f"""{MAY_LOSE} AND m.last_activity_at <= %(inactivity_near)s
    AND (m.last_activity_at > %(inactivity_due)s OR %(warn_first)s)
    AND (m.last_expiration_warning_at IS NULL OR m.last_expiration_warning_at < m.last_activity_at)"""

_OPEN = "l.member_id = m.id AND l.status = 'scheduled'"

LOT_IS_DUE = f"""{_OPEN} AND l.expires_at <= %(at)s AND (
    NOT %(warn_first)s
    OR (l.warned_at IS NOT NULL AND (l.warned_at < l.expires_at OR l.warned_at <= %(lots_warned)s)))"""

LOT_TO_WARN_OF = f"""{_OPEN} AND l.expires_at <= %(lots_near)s AND l.warned_at IS NULL
    AND (l.expires_at > %(at)s OR %(warn_first)s)"""

WITH_DUE_LOTS = f"""{MAY_LOSE} AND EXISTS (
    SELECT 1 FROM loyalty_point_expirations l WHERE {LOT_IS_DUE})"""

WITH_LOTS_TO_WARN_OF = f"""m.is_active AND EXISTS (
    SELECT 1 FROM loyalty_point_expirations l WHERE {LOT_TO_WARN_OF})"""
