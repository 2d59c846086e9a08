"""Intents of a checkout: confirmed, cancelled, resolved (specs/api.md "checkout/intents").

All of a request is decided under the member's lock, intent by intent, and what stands is written and posted at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from loyalty import ledger
from loyalty.events import RedemptionCancelled, RedemptionRequested
from loyalty.ledger import CardInactive, InsufficientPoints, KeyReused
from loyalty.models import CheckoutIntent, Redemption
from loyalty.operations import first_sight, redemptions
from loyalty.operations.orders import InvalidPoints
from loyalty.operations.redemptions import Closing, RewardUnavailable
from loyalty.operations.settling import Booking, settle
from loyalty.queries import offers
from loyalty.queries.offers import Checkout, Offer
from loyalty_site import outbox
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Merchant

VALID_FOR = timedelta(days=14)
CANCELLED_AT_CHECKOUT = "checkout_intent_cancelled"
CANCELLED_BY_MEMBER = "next_action_cancelled"

Kind, Status = CheckoutIntent.Kind, CheckoutIntent.Status


class IntentCancelled(Refusal):
    """The intent was cancelled before; a new one needs an id of its own."""

    code = "intent_cancelled"
    sentence = "This intent was cancelled; send a new one with an id of its own."


class IntentExpired(Refusal):
    """The intent's time is over before it came: nothing is held for it."""

    code = "intent_expired"
    sentence = "This intent has expired; send a new one with an id of its own."


class IntentFulfilled(Refusal):
    """What the intent asked for was handed out already."""

    code = "intent_fulfilled"
    sentence = "What this intent asked for was handed out already."


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An intent as a checkout sends it. A reward's slug goes before points; `points_cost` is in all."""

    client_id: str
    kind: str
    created_at: datetime
    reward_slug: str = ""
    reward_name: str = ""
    points_cost: int | None = None
    quantity: int = 1
    referral_code: str = ""
    channel: str = ""
    expires_at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """The intents that stand, in the order they came, and those that do not, each with the reason."""

    customer_id: UUID
    checkout: Checkout
    intents: dict[str, CheckoutIntent] = field(default_factory=dict)
    rejected: dict[str, Refusal] = field(default_factory=dict)
    # Whether nothing was new.
    replayed: bool = True


@transaction.atomic(savepoint=False)
def confirm(*, merchant: Merchant, user_id: UUID, order_id: str, intents: Sequence[Asked], at: datetime) -> Outcome:
    """Take these intents, and hold the points of those that redeem; each counts once by its id.

    One that came before is answered as it stands, its metadata merged. One that cannot be granted is named in
    `rejected`, and leaves nothing behind: not enough points, the reward not available, expired, cancelled before or
    its redemption come to nothing since. Raises `ProgramInactive` and what first sight raises.
    """
    checkout = _open(merchant, user_id, intents, at)
    judging = _Judging(checkout, order_id, at)
    outcome = Outcome(checkout.member.customer_id, checkout)
    for asked in intents:
        try:
            outcome.intents[asked.client_id] = judging.confirmed(asked)
            outcome.rejected.pop(asked.client_id, None)
        except Refusal as refusal:
            outcome.rejected[asked.client_id] = refusal
    outcome.replayed = not judging.changed and not outcome.rejected
    _write_confirmed(judging, at)
    return outcome


@transaction.atomic(savepoint=False)
def cancel(*, merchant: Merchant, user_id: UUID, order_id: str, intents: Sequence[Asked], at: datetime) -> Outcome:
    """Cancel these intents and let go of what they hold. One nobody knew is kept as cancelled, so that it stays so.

    One whose reward was handed out is named in `rejected`. Raises what first sight raises.
    """
    checkout = _open(merchant, user_id, intents, at)
    outcome = Outcome(checkout.member.customer_id, checkout)
    changed: dict[str, CheckoutIntent] = {}
    for asked in intents:
        intent = checkout.known.get(asked.client_id)
        if intent is None:
            intent = checkout.known[asked.client_id] = _new(checkout, asked, order_id, at)
        elif _is_fulfilled(intent):
            outcome.rejected[asked.client_id] = IntentFulfilled()
            continue
        elif asked.metadata.items() <= intent.metadata.items() and intent.status == Status.CANCELLED:
            outcome.intents[asked.client_id] = intent
            continue
        intent.metadata = {**intent.metadata, **asked.metadata, "cancellationReason": CANCELLED_AT_CHECKOUT}
        if intent.status != Status.CANCELLED:
            intent.status, intent.resolved_at = Status.CANCELLED, at
        outcome.intents[asked.client_id] = changed[asked.client_id] = intent
    outcome.replayed = not changed and not outcome.rejected
    _let_go(list(changed.values()), reason=CANCELLED_AT_CHECKOUT, at=at)
    return outcome


@transaction.atomic(savepoint=False)
def resolve(
    *, merchant: Merchant, user_id: UUID, intent_id: UUID, at: datetime, status: str = Status.RESOLVED
) -> CheckoutIntent:
    """Take the customer's own intent out of their feed, as resolved or cancelled; cancelled lets go of what it holds.

    What was handed out is resolved whatever is asked, and one that is not pending is returned as it is. Raises
    `NotFound` for another's.
    """
    checkout = offers.checkout_with(merchant.pk, user_id, intent_id)
    intent = next(iter(checkout.known.values()), None) if checkout is not None else None
    if intent is None:
        raise NotFound
    if intent.status != Status.PENDING:
        return intent
    cancels = status == Status.CANCELLED and not _is_fulfilled(intent)
    intent.status, intent.resolved_at = Status.CANCELLED if cancels else Status.RESOLVED, at
    if cancels:
        intent.metadata = {**intent.metadata, "cancellationReason": CANCELLED_BY_MEMBER}
        _let_go([intent], reason=CANCELLED_BY_MEMBER, at=at)
    else:
        redemptions.write_new([], intents=[intent], at=at)
    return intent


def _open(merchant: Merchant, user_id: UUID, intents: Sequence[Asked], at: datetime) -> Checkout:
    asked = {
        "slugs": sorted({each.reward_slug for each in intents if each.reward_slug}),
        "intents": sorted({each.client_id for each in intents}),
    }
    found = offers.checkout_by_user(merchant.pk, user_id, **asked)
    if found is not None:
        return found
    # Not locked yet: one of a former program, or made by somebody else at this moment, is locked after the rewards.
    member = first_sight.member_of(merchant=merchant, user_id=user_id, at=at)
    return offers.checkout_of(member, **asked)


def _new(checkout: Checkout, asked: Asked, order_id: str, at: datetime) -> CheckoutIntent:
    offer = checkout.offers.get(asked.reward_slug)
    is_share = asked.kind == Kind.REFERRAL_SHARE
    return CheckoutIntent(
        merchant_id=checkout.member.merchant_id,
        member=checkout.member,
        client_id=asked.client_id,
        kind=asked.kind,
        order_id=order_id,
        channel=asked.channel,
        referral_code=(asked.referral_code or checkout.member.referral_code) if is_share else "",
        reward=offer.reward if offer is not None else None,
        reward_name=asked.reward_name or (offer.reward.name if offer is not None else ""),
        points_cost=asked.points_cost,
        quantity=asked.quantity,
        metadata=dict(asked.metadata),
        created_at=asked.created_at,
        received_at=at,
        expires_at=asked.expires_at or at + VALID_FOR,
    )


def _is_fulfilled(intent: CheckoutIntent) -> bool:
    return intent.redemption is not None and intent.redemption.status == Redemption.Status.FULFILLED


def _is_let_go(intent: CheckoutIntent) -> bool:
    """Whether its redemption came to nothing: a back office cancelled it, it failed, or the hold grew too old."""
    redemption = intent.redemption
    return redemption is not None and redemption.status in (Redemption.Status.CANCELLED, Redemption.Status.FAILED)


class _Judging:
    """Intents confirmed one after the other: what each leaves for the next."""

    def __init__(self, checkout: Checkout, order_id: str, at: datetime) -> None:
        self.checkout, self.order_id, self.at = checkout, order_id, at
        self.available = checkout.member.points_available
        self.changed: dict[str, CheckoutIntent] = {}
        self.new: list[Redemption] = []
        self.bookings: list[Booking] = []

    def confirmed(self, asked: Asked) -> CheckoutIntent:
        """The intent as it stands then. Raises the refusal it meets."""
        intent = self.checkout.known.get(asked.client_id)
        if intent is not None:
            return self._again(intent, asked)
        intent = _new(self.checkout, asked, self.order_id, self.at)
        if intent.expires_at <= self.at:
            raise IntentExpired
        if asked.kind == Kind.REDEMPTION:
            intent.redemption = self._redemption(intent, asked)
            intent.points_cost = intent.redemption.points_cost
        self.checkout.known[asked.client_id] = self.changed[asked.client_id] = intent
        return intent

    def _again(self, intent: CheckoutIntent, asked: Asked) -> CheckoutIntent:
        if intent.status == Status.CANCELLED or _is_let_go(intent):
            raise IntentCancelled
        if not self._is_same(intent, asked):
            raise KeyReused("This intent's id was used before for another request.")
        if not asked.metadata.items() <= intent.metadata.items():
            intent.metadata = {**intent.metadata, **asked.metadata}
            self.changed[asked.client_id] = intent
        return intent

    def _is_same(self, intent: CheckoutIntent, asked: Asked) -> bool:
        """Whether the intent asks for what it asked for before; words and prices may have changed."""
        if intent.kind != asked.kind:
            return False
        if intent.kind != Kind.REDEMPTION:
            return True
        offer = self.checkout.offers.get(asked.reward_slug)
        if intent.reward_id != (offer.reward.pk if offer is not None else None) or intent.quantity != asked.quantity:
            return False
        return intent.reward_id is not None or intent.points_cost == asked.points_cost

    def _redemption(self, intent: CheckoutIntent, asked: Asked) -> Redemption:
        member = self.checkout.member
        offer: Offer | None = None
        if asked.reward_slug:
            offer = self.checkout.offers.get(asked.reward_slug)
            if offer is None:
                raise RewardUnavailable(field="reward_slug")
        elif asked.points_cost is None:
            raise InvalidPoints("Give the slug of a reward, or the points.", field="points_cost")
        redemption, booking, _ = redemptions.holding(
            member=member,
            points=asked.points_cost,
            offer=offer,
            quantity=asked.quantity,
            at=self.at,
            metadata={**asked.metadata, "checkout_intent_id": asked.client_id, "order_id": self.order_id},
        )
        if offer is not None:
            redemptions.check(offer, member=member, quantity=asked.quantity, at=self.at)
        if not member.is_active:
            raise CardInactive
        if redemption.points_cost > self.available:
            raise InsufficientPoints(available=self.available)
        self.available -= redemption.points_cost
        if offer is not None:
            offer.take(asked.quantity)
        self.new.append(redemption)
        self.bookings.append(booking)
        return redemption


def _write_confirmed(judging: _Judging, at: datetime) -> None:
    if not judging.changed:
        return
    written = redemptions.write_new(judging.new, intents=list(judging.changed.values()), at=at)
    if not judging.new:
        return
    rewards = [each.reward for each in judging.new if each.reward is not None]
    news = [
        *(RedemptionRequested.of(each, at=at) for each in judging.new),
        *written.news(rewards, merchant_id=judging.checkout.member.merchant_id, at=at),
    ]
    settle(judging.bookings, at=at, also=lambda posted: news)


def _let_go(intents: list[CheckoutIntent], *, reason: str, at: datetime) -> None:
    """Write these cancelled intents, and release what they hold."""
    held = [
        each.redemption
        for each in intents
        if each.redemption is not None and each.redemption.status == Redemption.Status.REQUESTED
    ]
    if not held:
        redemptions.write_new([], intents=intents, at=at)
        return
    closing = Closing(Redemption.Status.CANCELLED, reason=reason, metadata={"cancellationReason": reason})
    redemptions.write_closed(held, closing, intents=intents, at=at)
    ledger.post(redemptions.releases(held), at=at)
    outbox.publish_many(RedemptionCancelled.of(redemption, at=at) for redemption in held)
