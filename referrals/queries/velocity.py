"""How much the members of a merchant do: invites, conversions and points earned in a window, by day of capture."""

from dataclasses import dataclass
from datetime import date, datetime

from loyalty_site.tenants.models import Merchant
from referrals.models import AnalyticsSnapshot
from referrals.queries import segments
from referrals.queries.segments import Segments


@dataclass(frozen=True, slots=True)
class Velocity:
    """What all members did in the `window_days` before `computed_at`. `day` is None where it is not stored."""

    computed_at: datetime
    window_days: int
    members: int
    invites: int
    conversions: int
    points_earned: int
    day: date | None = None

    def per_member(self, total: int) -> float:
        """The average, to four places; 0 where there is nobody."""
        return round(total / self.members, 4) if self.members else 0.0


def of(found: Segments) -> Velocity:
    """The velocity that these segments add up to."""
    return Velocity(
        found.computed_at,
        found.window_days,
        members=found.total("members"),
        invites=found.total("invites"),
        conversions=found.total("conversions"),
        points_earned=found.total("points_earned"),
    )


def page(merchant: Merchant, at: datetime, *, limit: int, before: date | None = None) -> list[Velocity]:
    """At most `limit` of them, newest day first, of days `before` that one; the one of `at` where none is stored."""
    snapshots = AnalyticsSnapshot.objects.filter(merchant=merchant).order_by("-day")
    if before is not None:
        snapshots = snapshots.filter(day__lt=before)
    kept = [
        Velocity(
            each.computed_at,
            each.window_days,
            each.members,
            each.invites,
            each.conversions,
            each.points_earned,
            each.day,
        )
        for each in snapshots.defer("segments")[:limit]
    ]
    return kept if kept or before is not None else [of(segments.measured(merchant, at))]
