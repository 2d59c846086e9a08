"""Holds that have stood too long."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from loyalty import ledger
from loyalty.events import RedemptionCancelled
from loyalty.models import Member, Program, Redemption, Reward
from loyalty.operations.redemptions.closing import releases
from loyalty.operations.redemptions.writing import Closing, write_closed
from loyalty_site import outbox

HOLD_EXPIRED = "hold_expired"
# Where a chunk ended: when its last redemption was requested, and its id.
Position = tuple[datetime, UUID]


def release_stale(
    *, programs: Iterable[Program], at: datetime, older_than: timedelta | None = None, chunk: int = 500
) -> Counter[str]:
    """Cancel holds older than their program's `hold_days` (or `older_than`), reason `hold_expired`, chunk by chunk.

    Counts programs, redemptions and points. Several workers share the work; what a member's own request is doing at
    this moment is left to it.
    """
    counts: Counter[str] = Counter(programs=0, redemptions=0, points=0)
    for program in programs:
        counts["programs"] += 1
        before = at - (older_than if older_than is not None else timedelta(days=program.hold_days))
        last: Position | None = (datetime.min.replace(tzinfo=UTC), UUID(int=0))
        while last is not None:
            last, released = _release_chunk(program=program, before=before, at=at, chunk=chunk, after=last)
            counts["redemptions"] += len(released)
            counts["points"] += sum(redemption.points_cost for redemption in released)
    return counts


@transaction.atomic(durable=True)
def _release_chunk(
    *, program: Program, before: datetime, at: datetime, chunk: int, after: Position
) -> tuple[Position | None, list[Redemption]]:
    """Release the next ones after this position, oldest first; returns the last one looked at, None at the end."""
    stale = list(
        Redemption.objects.select_related("member", "reward")
        .filter(
            Q(requested_at__gt=after[0]) | Q(pk__gt=after[1]),
            member__program=program,
            merchant_id=program.merchant_id,
            status=Redemption.Status.REQUESTED,
            requested_at__lte=before,
            requested_at__gte=after[0],
        )
        .order_by("requested_at", "pk")[:chunk]
    )
    if not stale:
        return None, []
    limited = {each.reward_id for each in stale if each.units_taken and each.reward_id is not None}
    if limited:
        # Read before the lock is what they are; only the lock says that they stay so.
        list(Reward.objects.filter(pk__in=limited).order_by("pk").select_for_update(no_key=True).values_list("pk"))
    members = Member.objects.filter(pk__in={each.member_id for each in stale}).order_by("pk")
    locked = set(members.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
    mine = [redemption for redemption in stale if redemption.member_id in locked]
    released: list[Redemption] = []
    if mine:
        written = write_closed(mine, Closing(Redemption.Status.CANCELLED, reason=HOLD_EXPIRED), at=at)
        released = [redemption for redemption in mine if redemption.pk in written.ids]
        ledger.post(releases(released), at=at)
        outbox.publish_many(RedemptionCancelled.of(redemption, at=at) for redemption in released)
    return (stale[-1].requested_at, stale[-1].pk), released
