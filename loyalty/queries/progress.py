"""How far a member has come towards the next tier (specs/points.md "Tiers")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty.models import Member, Tier
from loyalty.operations import tiers


@dataclass(frozen=True, slots=True)
class TierProgress:
    """Where a member stands on the ladder. `progress` is from 0 to 1; 1 is also where there is nothing above."""

    qualifying_points: int
    current: Tier | None
    next: Tier | None
    progress: float

    @property
    def upcoming_benefits(self) -> list[Any]:
        """What the next tier brings; empty at the top."""
        return list(self.next.benefits) if self.next is not None else []


def progress(ladder: Sequence[Tier], tier: Tier | None, qualifying_points: int) -> TierProgress:
    """The way from the tier held to the next one, by the active tiers in `ladder`, lowest threshold first.

    It is measured from the threshold of the tier held, from 0 without one. A member who keeps a tier above their
    points stands at 0; a program without tiers leads nowhere: 0.
    """
    begin = tier.point_threshold if tier is not None else 0
    above = [each for each in ladder if tier is None or each.point_threshold > begin]
    following = above[0] if above else None
    if not ladder:
        come = 0.0
    elif following is None or following.point_threshold == begin:
        come = 1.0
    else:
        come = (qualifying_points - begin) / (following.point_threshold - begin)
    return TierProgress(qualifying_points, tier, following, min(max(come, 0.0), 1.0))


def progress_of(member: Member, *, at: datetime) -> TierProgress:
    """The member's way at `at`. One query where the program goes by 12 months, besides the ladder's own."""
    points = tiers.qualifying_points(member, lifetime_points=member.lifetime_points, at=at)
    return progress(member.program.ladder, member.tier, points)
