"""Asking for points to be spent: held for now, or spent in one go as a till does."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from loyalty import ledger
from loyalty.events import PointsRedeemed, RedemptionFulfilled, RedemptionRequested
from loyalty.ledger import KeyReused, OrderAlreadyUsed, Posted, Posting, Short
from loyalty.models import EntryType, Member, Redemption, Reward
from loyalty.operations.orders import LONGEST_KEY, LONGEST_REFERENCE, InvalidReference, reference, whole_points
from loyalty.operations.points import ProgramInactive
from loyalty.operations.redemptions import offering
from loyalty.operations.redemptions.refusals import RewardUnavailable
from loyalty.operations.redemptions.writing import WithItsPosting, Written, write_new
from loyalty.operations.settling import Booking, settle
from loyalty.queries import asked, offers
from loyalty.queries.offers import Offer
from loyalty_site import outbox
from loyalty_site.outbox import Event
from loyalty_site.tenants.models import Store, User
from loyalty_site.texts import refuse_what_cannot_be_kept

# What an intent's redemption knows of the checkout, and its ledger entry tells (specs/api.md "ledger").
CHECKOUT_FACTS = ("checkout_intent_id", "order_id")


@transaction.atomic(savepoint=False)
def hold(
    *,
    member: Member,
    at: datetime,
    points: int | None = None,
    reward: Reward | None = None,
    offer: Offer | None = None,
    key: str | None = None,
    quantity: int = 1,
    store: Store | None = None,
    actor: User | None = None,
    order_reference: str = "",
    metadata: dict[str, Any] | None = None,
) -> Redemption:
    """Ask for `quantity` of a reward, or for `points` in all, and hold the points: nobody else spends or expires them.

    Is activity. Units of a reward with a stock are taken off it. `offer` is the reward as the caller has it locked.
    The same `key` with the same request returns the first redemption. Raises `InvalidPoints`, `InvalidQuantity`,
    `InsufficientPoints`, `RewardUnavailable`, `CardInactive`, `ProgramInactive`, `KeyReused`, `OrderAlreadyUsed`.
    """
    redemption, booking, offer = holding(
        member=member,
        points=points,
        reward=reward,
        offer=offer,
        at=at,
        key=key,
        quantity=quantity,
        store=store,
        actor=actor,
        order_reference=order_reference,
        metadata=metadata,
    )
    told = [RedemptionRequested.of(redemption, at=at)]
    settled = _settle_new(redemption, booking, offer, at=at, news=lambda codes: told)
    return settled if isinstance(settled, Redemption) else redemption


def holding(
    *,
    member: Member,
    at: datetime,
    points: int | None = None,
    reward: Reward | None = None,
    offer: Offer | None = None,
    key: str | None = None,
    quantity: int = 1,
    store: Store | None = None,
    actor: User | None = None,
    order_reference: str = "",
    metadata: dict[str, Any] | None = None,
) -> tuple[Redemption, Booking, Offer | None]:
    """A redemption that holds its points, not yet written, its booking, and the offer it is of, not yet judged."""
    if reward is not None and offer is None:
        offer = offers.of_member(member, reward)
    redemption = _new(
        member=member,
        points=points,
        offer=offer,
        at=at,
        key=f"hold:{key}" if key else None,
        quantity=quantity,
        store=store,
        actor=actor,
        order_reference=order_reference,
        metadata=metadata,
    )
    posting = Posting(
        member=member,
        type=None,
        held=redemption.points_cost,
        short=Short.REFUSE,
        is_activity=True,
        needs_active=True,
        occurred_at=at,
    )
    return redemption, Booking(posting, None), offer


@transaction.atomic(savepoint=False)
def redeem(
    *,
    member: Member,
    store: Store | None,
    order_reference: str,
    at: datetime,
    points: int | None = None,
    reward: Reward | None = None,
    offer: Offer | None = None,
    actor: User | None = None,
    metadata: dict[str, Any] | None = None,
) -> Redemption:
    """Spend points, or those a reward costs, in one go, as a till does; one order reference redeems once.

    Is activity. `entry` of the redemption returned is its ledger entry; the codes it was given stand in its metadata.
    Raises as `hold`.
    """
    if reward is not None and offer is None:
        offer = offers.of_member(member, reward)
    redemption, booking = redeeming(
        member=member,
        store=store,
        points=points,
        offer=offer,
        order_reference=order_reference,
        at=at,
        actor=actor,
        metadata=metadata,
    )
    settled = _settle_new(redemption, booking, offer, at=at, news=lambda codes: redeemed(redemption, codes, at=at))
    if isinstance(settled, Redemption):
        return settled
    redemption.entry = settled.entry
    return redemption


def redeeming(
    *,
    member: Member,
    store: Store | None,
    order_reference: str,
    at: datetime,
    points: int | None = None,
    offer: Offer | None = None,
    actor: User | None = None,
    metadata: dict[str, Any] | None = None,
) -> tuple[Redemption, Booking]:
    """A redemption that is fulfilled at once and its booking, to be judged, written and settled alone or in a batch."""
    redemption = _new(
        member=member,
        points=points,
        offer=offer,
        at=at,
        key=f"redeem:{reference(order_reference)}",
        quantity=1,
        store=store,
        actor=actor,
        order_reference=order_reference,
        metadata=metadata,
    )
    redemption.status, redemption.fulfilled_at = Redemption.Status.FULFILLED, at
    posting = Posting(
        member=member,
        type=EntryType.REDEEM,
        points=-redemption.points_cost,
        short=Short.REFUSE,
        key=redemption.key,
        fingerprint=bytes(redemption.fingerprint or b""),
        is_activity=True,
        needs_active=True,
        store_id=store.pk if store else None,
        actor_id=actor.pk if actor else None,
        order_reference=order_reference,
        description=offer.reward.name if offer is not None else "",
        metadata=facts_of(redemption),
        occurred_at=at,
    )
    redemption.entry_id = posting.id
    return redemption, Booking(posting, PointsRedeemed)


def facts_of(redemption: Redemption) -> dict[str, Any]:
    """What the entry of a redemption says of it."""
    facts: dict[str, Any] = {"redemption_id": str(redemption.pk)}
    if redemption.reward_id is not None:
        facts["reward_id"] = str(redemption.reward_id)
    return facts | {name: redemption.metadata[name] for name in CHECKOUT_FACTS if name in redemption.metadata}


def tell_codes(booking: Booking, written: Written) -> None:
    """Let the entry to be posted name the codes that its redemption was given."""
    if codes := written.codes.get(UUID(booking.posting.metadata["redemption_id"])):
        booking.posting.metadata["codes"] = codes


def redeemed(redemption: Redemption, codes: list[str], *, at: datetime) -> list[Event]:
    """The news of a redemption that was asked for and fulfilled in one go, and given these codes."""
    return [RedemptionRequested.of(redemption, at=at), RedemptionFulfilled.of(redemption, at=at, codes=codes)]


def _settle_new(
    redemption: Redemption,
    booking: Booking,
    offer: Offer | None,
    *,
    at: datetime,
    news: Callable[[list[str]], Sequence[Event]],
) -> Posted | Redemption:
    """Write it if it may be, post for it, and publish `news`, given its codes, and what else came of it.

    Or return the redemption that came of the same request before, where there is one. Raises what judging, writing and
    posting raise, `OrderAlreadyUsed` and `KeyReused`.
    """
    if offer is not None:
        try:
            offering.check(offer, member=redemption.member, quantity=redemption.quantity, at=at)
        except RewardUnavailable:
            # The last one may have gone to this very request.
            if (first := asked_before(redemption)) is not None:
                return first
            raise
    rewards = [offer.reward] if offer is not None else []

    def also(written: Written) -> list[Event]:
        return written.news(rewards, merchant_id=redemption.merchant_id, at=at)

    if redemption.status == Redemption.Status.FULFILLED and any(reward.gives_codes for reward in rewards):
        # Its entry names the codes, so they have to be known before.
        written = write_new([redemption], at=at)
        if redemption.pk not in written.ids:
            return _asked_for_before(redemption)
        tell_codes(booking, written)
        codes = written.codes.get(redemption.pk, [])
        [posted] = settle([booking], at=at, also=lambda _: [*news(codes), *also(written)])
        return posted
    # Written along with the redemption the news costs no round trip more.
    early = [] if outbox.is_gathering() else news([])
    late = [] if early else news([])
    along = WithItsPosting(redemption, at=at, news=early)
    settled = settle(
        [booking],
        at=at,
        also=lambda _: [*late, *also(along.written)],
        last=bool(early) and not redemption.units_taken,
        through=along,
    )
    return settled[0] if settled else _asked_for_before(redemption)


def _asked_for_before(redemption: Redemption) -> Redemption:
    first = asked_before(redemption)
    assert first is not None  # noqa: S101 (its key was the conflict)
    return first


def asked_before(redemption: Redemption) -> Redemption | None:
    """The redemption with this one's key, marked as replayed, its entry at hand.

    Raises `OrderAlreadyUsed`, `KeyReused`.
    """
    if redemption.key is None:
        return None
    first = asked.redemption(redemption.merchant_id, redemption.key)
    return same_request(first, redemption) if first is not None else None


def same_request(first: Redemption, again: Redemption) -> Redemption:
    """`first`, marked as replayed, if `again` asks for the same. Raises `OrderAlreadyUsed`, `KeyReused`."""
    if first.member_id != again.member_id:
        raise OrderAlreadyUsed
    if bytes(first.fingerprint or b"") != again.fingerprint:
        raise KeyReused
    first.replayed = True
    return first


def _new(
    *,
    member: Member,
    points: int | None,
    offer: Offer | None,
    at: datetime,
    key: str | None,
    quantity: int,
    store: Store | None,
    actor: User | None,
    order_reference: str,
    metadata: dict[str, Any] | None,
) -> Redemption:
    if not member.program.is_active:
        raise ProgramInactive
    offering.check_quantity(quantity)
    refuse_what_cannot_be_kept(key, order_reference, metadata)
    if len(key or "") > LONGEST_KEY or len(order_reference) > LONGEST_REFERENCE:
        raise InvalidReference
    reward = offer.reward if offer is not None else None
    # What was asked for: a reward's price may have changed when the till asks again.
    request: dict[str, Any] = {"reward": reward.pk} if reward is not None else {"points": points}
    cost = reward.cost_points * quantity if reward is not None else points
    assert cost is not None  # noqa: S101 (one of the two is given)
    return Redemption(
        merchant_id=member.merchant_id,
        member=member,
        reward=reward,
        store=store,
        actor=actor,
        key=key,
        fingerprint=ledger.fingerprint(
            **request, quantity=quantity, store=store.pk if store else None, order=order_reference
        ),
        points_cost=whole_points(cost),
        quantity=quantity,
        units_taken=quantity if offer is not None and offer.is_limited else 0,
        order_reference=order_reference,
        requested_at=at,
        metadata=metadata or {},
    )
