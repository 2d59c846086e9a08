"""Where a member stands while a batch is decided: what the ledger would say after each operation granted so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loyalty.models import Member
from loyalty.operations.orders import day_of
from loyalty.operations.stamps import Limits
from loyalty.operations.tiers import tier_for


@dataclass(slots=True)
class Standing:
    """One locked member. `orders` and `stampings` are (when, how many) of what the program's limits count."""

    member: Member
    available: int
    stamps: int
    qualifying: int
    orders: list[tuple[datetime, int]] = field(default_factory=list)
    stampings: list[tuple[datetime, int]] = field(default_factory=list)

    @classmethod
    def of(cls, member: Member) -> "Standing":
        return cls(member, member.points_available, member.stamp_count, member.lifetime_points)

    @contextmanager
    def as_it_would_be(self) -> Iterator[Member]:
        """The member in the tier reached by now: it is what the next purchase is multiplied by."""
        before = self.member.tier
        reached = tier_for(self.member.program, self.qualifying)
        if reached is not None and (before is None or before.point_threshold < reached.point_threshold):
            self.member.tier = reached
        try:
            yield self.member
        finally:
            # The upgrade itself is the ledger's to find.
            self.member.tier = before

    def earned(self, points: int, moment: datetime, at: datetime) -> None:
        """Note a purchase that was granted."""
        self.available += points
        if moment <= at:
            self.qualifying += points
        self.orders.append((moment, points))

    def taken(self, points: int) -> None:
        """Note points that a refund or a void takes."""
        self.available -= points
        self.qualifying -= points

    def stamped(self, count: int, moment: datetime) -> None:
        """Note stamps that were granted."""
        self.stamps += count
        self.stampings.append((moment, count))

    def earned_on(self, moment: datetime) -> int:
        """Points of purchases of that day, where the program caps days."""
        if self.member.program.max_points_per_day is None:
            return 0
        begin, end = day_of(self.member.program, moment)
        return sum(points for when, points in self.orders if begin <= when < end)

    def limits_of_stamps(self, moment: datetime) -> Limits:
        """What the program's limits in time say at that moment."""
        program = self.member.program
        gap = timedelta(minutes=program.minutes_between_stamps)
        near = any(moment - gap < when < moment + gap for when, _ in self.stampings)
        begin, end = day_of(program, moment)
        today = sum(count for when, count in self.stampings if begin <= when < end)
        return Limits(repeated=False, too_soon=bool(gap) and near, today=today)
