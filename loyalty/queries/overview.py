"""What a member has at a glance: points, tier, the way to the next one, and what expires when."""

from dataclasses import dataclass
from datetime import datetime

from loyalty.models import Member, PointLot
from loyalty.queries.progress import TierProgress, progress_of

MOST_EXPIRING = 5


@dataclass(frozen=True, slots=True)
class Expiring:
    """Points that will expire at `expires_at`: those of one lot, or all that is available, by inactivity."""

    expires_at: datetime
    points: int
    remaining_points: int
    status: str


@dataclass(frozen=True, slots=True)
class Overview:
    """One member at one moment."""

    member: Member
    progress: TierProgress
    expiring: list[Expiring]


def overview(member: Member, *, at: datetime) -> Overview:
    """The member with program, ladder and customer at hand, at `at`. At most two queries."""
    return Overview(member, progress_of(member, at=at), expiring(member))


def expiring(member: Member) -> list[Expiring]:
    """The five that expire soonest, soonest first; empty where the program lets nothing expire.

    Of lots the open ones. Inactivity takes all that is available at once: one more row, due where the clock of the
    member's last activity runs out. Members who are switched off, or whose program is, lose nothing.
    """
    program = member.program
    found: list[Expiring] = []
    if not (program.is_active and member.is_active):
        return found
    if program.expires_by_lots:
        lots = PointLot.objects.filter(member=member, status=PointLot.Status.SCHEDULED)
        for lot in lots.order_by("expires_at", "number")[:MOST_EXPIRING]:
            found.append(Expiring(lot.expires_at, lot.points, lot.remaining, lot.status))
    if program.expires_by_inactivity and member.points_available > 0:
        due_at, available = member.last_activity_at + program.inactivity_period, member.points_available
        found.append(Expiring(due_at, available, available, PointLot.Status.SCHEDULED.value))
    return sorted(found, key=lambda each: each.expires_at)[:MOST_EXPIRING]
