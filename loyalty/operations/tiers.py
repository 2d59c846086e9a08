"""Rising through the tiers: at once, in the transaction that reaches one (specs/points.md "Tiers")."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q, Sum

from loyalty.events import TierUpgraded
from loyalty.ledger import Posted
from loyalty.models import LedgerEntry, Member, Program, Tier, TierBasis

ROLLING_WINDOW = timedelta(hours=365 * 24)


def tier_for(program: Program, qualifying_points: int) -> Tier | None:
    """The highest active tier whose threshold is reached; None below the lowest."""
    reached = [tier for tier in program.ladder if tier.point_threshold <= qualifying_points]
    return reached[-1] if reached else None


def qualifying_points(member: Member, *, lifetime_points: int, at: datetime) -> int:
    """Lifetime points, or the signed sum of what moved them in the 365 days before `at`, `at` included."""
    if member.program.tier_basis == TierBasis.LIFETIME:
        return lifetime_points
    window = LedgerEntry.objects.filter(
        member=member, occurred_at__gt=at - ROLLING_WINDOW, occurred_at__lte=at
    ).exclude(lifetime_delta=0)
    return window.aggregate(points=Sum("lifetime_delta"))["points"] or 0


def raise_where_reached(posted: list[Posted], *, at: datetime) -> Iterable[TierUpgraded]:
    """Put each member whose points rose into the tier they have reached, if it is higher than theirs."""
    last = {
        one.posting.member.pk: one
        for one in posted
        if one.created and one.entry is not None and one.entry.lifetime_delta > 0
    }
    for one in last.values():
        member = one.posting.member
        if not member.program.ladder:
            continue
        points = qualifying_points(member, lifetime_points=one.lifetime_points, at=at)
        reached = tier_for(member.program, points)
        before = member.tier
        if reached is None or (before is not None and before.point_threshold >= reached.point_threshold):
            continue
        # The member is locked by the ledger; only our copy of its tier may be old.
        lower = Q(tier=None) | Q(tier__point_threshold__lt=reached.point_threshold)
        if Member.objects.filter(lower, pk=member.pk).update(tier=reached):
            member.tier = reached
            yield TierUpgraded.about(
                member,
                at=at,
                from_tier=before.slug if before else None,
                to_tier=reached.slug,
                qualifying_points=points,
            )
