"""What becomes of a redemption that was asked for: it is fulfilled, fails, or is cancelled."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from loyalty import ledger
from loyalty.events import PointsRedeemed, RedemptionCancelled, RedemptionEvent, RedemptionFailed, RedemptionFulfilled
from loyalty.ledger import Posted, Posting, Short
from loyalty.models import EntryType, Redemption
from loyalty.operations.redemptions.requesting import facts_of
from loyalty.operations.redemptions.writing import Closing, Written, write_closed
from loyalty.operations.settling import Booking, settle
from loyalty.queries import locks, offers
from loyalty_site import outbox
from loyalty_site.outbox import Event
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Merchant, User
from loyalty_site.texts import refuse_what_cannot_be_kept


def find(*, merchant: Merchant, redemption_id: UUID) -> Redemption:
    """The merchant's redemption, locked with all that closing it needs. Raises `NotFound`."""
    found = offers.redemption(merchant.pk, redemption_id)
    if found is None:
        raise NotFound
    return found


@transaction.atomic(savepoint=False)
def fulfil(
    *,
    redemption: Redemption,
    at: datetime,
    actor: User | None = None,
    description: str = "",
    metadata: dict[str, Any] | None = None,
) -> Redemption:
    """Spend what the redemption holds, and give it its codes. One that is closed is returned as it is.

    `metadata` is merged into the redemption's, and stands in the entry too. Raises `RewardUnavailable` where the pool
    has no codes left; the redemption stays as it was.
    """
    redemption = _opened(redemption)
    metadata = metadata or {}
    facts = facts_of(redemption)
    posting = Posting(
        member=redemption.member,
        type=EntryType.REDEEM,
        points=-redemption.points_cost,
        held=-redemption.points_cost,
        short=Short.REFUSE,
        key=f"fulfil:{redemption.pk}",
        store_id=redemption.store_id,
        actor_id=actor.pk if actor else None,
        order_reference=redemption.order_reference,
        description=description or (redemption.reward.name if redemption.reward is not None else ""),
        metadata={**metadata, **facts},
        occurred_at=at,
    )
    closing = Closing(Redemption.Status.FULFILLED, entry_id=posting.id, metadata=metadata)
    written = _close(redemption, closing, at=at)
    if written is None:
        return redemption
    codes = written.codes.get(redemption.pk, [])
    if codes:
        posting.metadata["codes"] = codes

    def fulfilled(posted: list[Posted]) -> Iterable[Event]:
        rewards = [redemption.reward] if redemption.reward is not None else []
        return [
            RedemptionFulfilled.of(redemption, at=at, codes=codes),
            *written.news(rewards, merchant_id=redemption.merchant_id, at=at),
        ]

    [posted] = settle([Booking(posting, PointsRedeemed)], at=at, also=fulfilled)
    redemption.entry = posted.entry
    return redemption


@transaction.atomic(savepoint=False)
def cancel(
    *, redemption: Redemption, at: datetime, reason: str = "", metadata: dict[str, Any] | None = None
) -> Redemption:
    """Let go of the held points because they are not wanted any more. One that is closed is returned as it is."""
    closing = Closing(Redemption.Status.CANCELLED, reason=cut(reason), metadata=metadata or {})
    return _let_go(redemption, closing, at=at, news=RedemptionCancelled)


@transaction.atomic(savepoint=False)
def fail(*, redemption: Redemption, at: datetime, reason: str, metadata: dict[str, Any] | None = None) -> Redemption:
    """Let go of the held points because it could not be fulfilled. One that is closed is returned as it is."""
    closing = Closing(Redemption.Status.FAILED, reason=cut(reason), metadata=metadata or {})
    return _let_go(redemption, closing, at=at, news=RedemptionFailed)


def _let_go(redemption: Redemption, closing: Closing, *, at: datetime, news: type[RedemptionEvent]) -> Redemption:
    redemption = _opened(redemption)
    if _close(redemption, closing, at=at) is not None:
        ledger.post(releases([redemption]), at=at)
        outbox.publish(news.of(redemption, at=at))
    return redemption


def releases(redemptions: Iterable[Redemption]) -> list[Posting]:
    """The postings that let go of what these hold: one a member."""
    held: Counter[UUID] = Counter()
    members = {}
    for redemption in redemptions:
        held[redemption.member_id] += redemption.points_cost
        members[redemption.member_id] = redemption.member
    return [Posting(member=members[pk], type=None, held=-points) for pk, points in held.items()]


def cut(reason: str) -> str:
    """The reason as its column takes it: what is longer than anybody reads is cut."""
    refuse_what_cannot_be_kept(reason)
    return reason.strip()[:500]


def _opened(redemption: Redemption) -> Redemption:
    """The redemption with its reward's stock and its member locked."""
    if locks.is_held(redemption):
        return redemption
    fresh = offers.redemption(redemption.merchant_id, redemption.pk)
    if fresh is None:
        raise NotFound
    # The caller goes on with its own object.
    redemption.__dict__.update(fresh.__dict__)
    return redemption


def _close(redemption: Redemption, closing: Closing, *, at: datetime) -> Written | None:
    """Close it; None where it was closed before."""
    if redemption.status != Redemption.Status.REQUESTED:
        return None
    written = write_closed([redemption], closing, at=at)
    if redemption.pk in written.ids:
        return written
    redemption.refresh_from_db(fields=["status", "fulfilled_at", "failed_at", "cancelled_at", "reason", "entry_id"])
    return None
