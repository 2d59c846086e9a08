"""Rising through the tiers: at once, in the transaction that reaches one (specs/points.md "Tiers").

Lowering is the hourly job's (loyalty/operations/progression/). What it warned of is void once the points are back.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, Sum

from loyalty.events import TierUpgraded
from loyalty.ledger import Posted
from loyalty.models import LedgerEntry, Member, Program, Tier, TierBasis
from loyalty.queries import locks
from loyalty_site import outbox

ROLLING_WINDOW = timedelta(hours=365 * 24)


def tier_for(program: Program, qualifying_points: int) -> Tier | None:
    """The highest active tier whose threshold is reached; None below the lowest."""
    reached = [tier for tier in program.ladder if tier.point_threshold <= qualifying_points]
    return reached[-1] if reached else None


def in_window(at: datetime) -> Q:
    """The entries that count towards a rolling tier at `at`: the 365 days before it, `at` included."""
    return Q(occurred_at__gt=at - ROLLING_WINDOW, occurred_at__lte=at) & ~Q(lifetime_delta=0)


def qualifying_points(member: Member, *, lifetime_points: int, at: datetime) -> int:
    """Lifetime points, or the signed sum of what moved them in the 365 days before `at`, `at` included."""
    if member.program.tier_basis == TierBasis.LIFETIME:
        return lifetime_points
    window = LedgerEntry.objects.filter(in_window(at), member=member)
    return window.aggregate(points=Sum("lifetime_delta"))["points"] or 0


def qualifying_points_of(members: dict[UUID, int], program_of: dict[UUID, Program], *, at: datetime) -> dict[UUID, int]:
    """`qualifying_points` for many; `members` are lifetime points by member id. One query where programs roll."""
    rolling = [pk for pk in members if program_of[pk].tier_basis != TierBasis.LIFETIME]
    if not rolling:
        return dict(members)
    window = LedgerEntry.objects.filter(in_window(at), member__in=rolling)
    sums = dict(window.order_by().values_list("member").annotate(points=Sum("lifetime_delta")))
    return members | {pk: sums.get(pk, 0) for pk in rolling}


def raise_where_reached(
    posted: list[Posted], *, at: datetime, known: dict[UUID, int] | None = None
) -> Iterable[TierUpgraded]:
    """Put each member whose points rose into the tier they have reached, if it is higher than theirs.

    Who had been warned of a lower tier, and has the points for the one held again, is warned no longer. `known` are
    the qualifying points that somebody read under the members' locks, before this was posted.
    """
    last = {
        one.posting.member.pk: one
        for one in posted
        if one.created
        and one.entry is not None
        and one.entry.lifetime_delta > 0
        and (_may_rise(one) or one.posting.member.tier_warned_at is not None)
    }
    if not last:
        return
    known = known or {}
    points = qualifying_points_of(
        {pk: one.lifetime_points for pk, one in last.items() if pk not in known},
        {pk: one.posting.member.program for pk, one in last.items()},
        at=at,
    )
    points |= {pk: known[pk] + _qualifying_in(posted, pk, at) for pk in last if pk in known}
    reaching: dict[UUID, tuple[Tier, list[Member]]] = {}
    for pk, one in last.items():
        member = one.posting.member
        reached, before = tier_for(member.program, points[pk]), member.tier
        # Who was warned may have been lowered since our copy was read: the database says from where they rise.
        if reached is not None and (_is_below(before, reached) or member.tier_warned_at is not None):
            reaching.setdefault(reached.pk, (reached, []))[1].append(member)
    for reached, members in reaching.values():
        risen = _raise(reached, members)
        _forget_warnings(reached, [member for member in members if member.pk not in risen])
        for member in members:
            if member.pk in risen:
                member.tier, member.tier_warned_at = reached, None
                yield TierUpgraded.about(
                    member,
                    at=at,
                    from_tier=risen[member.pk],
                    to_tier=reached.slug,
                    qualifying_points=points[member.pk],
                )


def rises_at(member: Member) -> int | None:
    """The lifetime points from which on a higher tier may be reached: a year's are never more. None on the highest."""
    above = [tier.point_threshold for tier in member.program.ladder if _is_below(member.tier, tier)]
    return min(above, default=None)


def _may_rise(one: Posted) -> bool:
    least = rises_at(one.posting.member)
    return least is not None and one.lifetime_points >= least


def _is_below(before: Tier | None, reached: Tier) -> bool:
    return before is None or before.point_threshold < reached.point_threshold


def _qualifying_in(posted: list[Posted], pk: UUID, at: datetime) -> int:
    """What these postings added to the member's qualifying points of the last 365 days."""
    entries = [one.entry for one in posted if one.created and one.entry is not None and one.entry.member_id == pk]
    return sum(entry.lifetime_delta for entry in entries if at - ROLLING_WINDOW < entry.occurred_at <= at)


def _raise(reached: Tier, members: list[Member]) -> dict[UUID, str | None]:
    """Put those into the tier who are not in it or above; they are locked by the ledger, only our copy may be old.

    Returns who rose, with the slug of the tier they stood on.
    """
    ids = [member.pk for member in members]
    if all(locks.is_held(member) for member in members):
        # Read under the lock, our copies are as good as the rows: nobody waits for what comes of it.
        rising = {member.pk: member.tier for member in members if _is_below(member.tier, reached)}
        if rising:
            outbox.alongside(
                "UPDATE loyalty_members SET tier_id = %s::uuid, tier_warned_at = NULL WHERE id = ANY (%s::uuid[])",
                [reached.pk, list(rising)],
            )
        return {pk: tier.slug if tier is not None else None for pk, tier in rising.items()}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE loyalty_members m SET tier_id = %s, tier_warned_at = NULL
              FROM (SELECT b.id, t.slug, t.point_threshold
                      FROM loyalty_members b LEFT JOIN loyalty_tiers t ON t.id = b.tier_id
                      WHERE b.id = ANY (%s)) AS before
             WHERE m.id = before.id AND coalesce(before.point_threshold, -1) < %s
            RETURNING m.id, before.slug
            """,
            [reached.pk, ids, reached.point_threshold],
        )
        return dict(cursor.fetchall())


def _forget_warnings(reached: Tier, members: list[Member]) -> None:
    """The points for the tier are there again: a warning that it will be lowered is void."""
    warned = [member for member in members if member.tier_warned_at is not None]
    if not warned:
        return
    Member.objects.filter(pk__in=[member.pk for member in warned], tier=reached).update(tier_warned_at=None)
    for member in warned:
        if member.tier_id == reached.pk:
            member.tier_warned_at = None
