"""Rising through the tiers: at once, in the transaction that reaches one (specs/points.md "Tiers")."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, Sum

from loyalty.events import TierUpgraded
from loyalty.ledger import Posted
from loyalty.models import LedgerEntry, Member, Program, Tier, TierBasis
from loyalty.queries import faces
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

    `known` are the qualifying points that somebody read under the members' locks, before this was posted.
    """
    last = {
        one.posting.member.pk: one
        for one in posted
        if one.created and one.entry is not None and one.entry.lifetime_delta > 0 and _may_rise(one)
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
    rising: dict[UUID, tuple[Tier, list[Member]]] = {}
    for pk, one in last.items():
        member = one.posting.member
        reached, before = tier_for(member.program, points[pk]), member.tier
        if reached is not None and (before is None or before.point_threshold < reached.point_threshold):
            rising.setdefault(reached.pk, (reached, []))[1].append(member)
    for reached, members in rising.values():
        risen = _raise(reached, members)
        for member in members:
            if member.pk in risen:
                before, member.tier = member.tier, reached
                yield TierUpgraded.about(
                    member,
                    at=at,
                    from_tier=before.slug if before else None,
                    to_tier=reached.slug,
                    qualifying_points=points[member.pk],
                )


def _may_rise(one: Posted) -> bool:
    """Whether a higher tier can have been reached: points of a year are never more than those of a lifetime."""
    reached, before = tier_for(one.posting.member.program, one.lifetime_points), one.posting.member.tier
    return reached is not None and (before is None or before.point_threshold < reached.point_threshold)


def _qualifying_in(posted: list[Posted], pk: UUID, at: datetime) -> int:
    """What these postings added to the member's qualifying points of the last 365 days."""
    entries = [one.entry for one in posted if one.created and one.entry is not None and one.entry.member_id == pk]
    return sum(entry.lifetime_delta for entry in entries if at - ROLLING_WINDOW < entry.occurred_at <= at)


def _raise(reached: Tier, members: list[Member]) -> set[UUID]:
    """Put those into the tier who are not in it or above; they are locked by the ledger, only our copy may be old."""
    ids = [member.pk for member in members]
    if all(faces.is_locked(member) for member in members):
        # Read under the lock, our copies are as good as the rows: nobody waits for what comes of it.
        outbox.alongside("UPDATE loyalty_members SET tier_id = %s::uuid WHERE id = ANY (%s::uuid[])", [reached.pk, ids])
        return set(ids)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE loyalty_members m SET tier_id = %s
             WHERE m.id = ANY (%s) AND NOT EXISTS (
                SELECT 1 FROM loyalty_tiers t WHERE t.id = m.tier_id AND t.point_threshold >= %s)
            RETURNING m.id
            """,
            [reached.pk, ids, reached.point_threshold],
        )
        return {pk for (pk,) in cursor.fetchall()}
