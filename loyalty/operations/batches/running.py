"""The batch of a till that was offline (specs/api.md "Store", `batch`).

A fixed number of queries, however many operations: the members are locked in id order, everything the decisions go by
is read, then the operations are decided one after the other on `Standing`s, and all that is granted is posted at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from loyalty.ledger import (
    CardInactive,
    InsufficientPoints,
    InsufficientStamps,
    KeyReused,
    OrderAlreadyUsed,
    Posted,
    Short,
)
from loyalty.models import LedgerEntry, Redemption
from loyalty.operations import points, redemptions, refunds, stamps
from loyalty.operations.batches.enrolling import enroll_all
from loyalty.operations.batches.reading import Operation, Reading, read
from loyalty.operations.batches.standing import Standing
from loyalty.operations.enrollment import Enrolled, enrolled_news, take_over, welcoming
from loyalty.operations.orders import money
from loyalty.operations.redemptions import RewardUnavailable
from loyalty.operations.refunds import NotVoidable, OrderNotFound, StampsSpent, Story
from loyalty.operations.settling import Booking, settle
from loyalty.queries.offers import Offer
from loyalty_site.outbox import Event
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Store

# As often may other tills take a reference of the batch between its being looked up and its being posted.
_TRIES = 3


@dataclass(slots=True)
class Outcome:
    """What became of one operation: a refusal, or an entry, a redemption or an enrolment, new or `replayed`."""

    refusal: Refusal | None = None
    replayed: bool = False
    entry: LedgerEntry | None = None
    redemption: Redemption | None = None
    enrolled: Enrolled | None = None
    booking: int | None = None


@transaction.atomic(savepoint=False)
def run(*, store: Store, operations: Sequence[Operation], at: datetime) -> list[Outcome]:
    """Do the operations in their order and return what became of each.

    One that is refused does not keep the others back; one that was done before, alone or in a batch, is answered with
    what came of it then. Operations without a reference of their own count once by their client id. Raises
    `OrderAlreadyUsed` where other members' tills took references of the batch again and again while it was done.
    """
    enrolments = enroll_all(store, [one for one in operations if one.op == "enroll"], at)
    for attempt in range(1, _TRIES + 1):
        try:
            # What is lost to another till is lost back to here, locks included, which are then taken in order again.
            with transaction.atomic():
                return _run(store, operations, enrolments, at)
        except OrderAlreadyUsed:
            # Another member's till used one of the references at this moment: read again, it is that operation's own
            # refusal.
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def _run(
    store: Store, operations: Sequence[Operation], enrolments: dict[str, Enrolled | Refusal], at: datetime
) -> list[Outcome]:
    batch = _Batch(store, at, read(store, [one for one in operations if one.op != "enroll"], at))
    outcomes = []
    for operation in operations:
        try:
            if operation.op == "enroll":
                outcomes.append(batch.enroll(enrolments[operation.client_id]))
            else:
                outcomes.append(batch.decide(operation))
        except Refusal as refusal:
            outcomes.append(Outcome(refusal=refusal))
    batch.post()
    for outcome in outcomes:
        batch.complete(outcome)
    return outcomes


class _Batch:
    """The decisions so far: bookings that are granted, and the places of their keys."""

    def __init__(self, store: Store, at: datetime, reading: Reading) -> None:
        self.store, self.at, self.reading = store, at, reading
        self.bookings: list[Booking] = []
        self.by_key: dict[str, int] = {}
        self.new_redemptions: dict[int, Redemption] = {}
        self.news: list[Event] = []
        self.posted: list[Posted] = []

    # --- Deciding ---------------------------------------------------------------------------------------------
    def enroll(self, enrolled: Enrolled | Refusal) -> Outcome:
        if isinstance(enrolled, Refusal):
            raise enrolled
        if not enrolled.created:
            return Outcome(enrolled=enrolled, replayed=True)
        self.news += enrolled_news(enrolled.member, self.at, self.store)
        if not enrolled.member.program.welcome_bonus:
            return Outcome(enrolled=enrolled)
        return Outcome(enrolled=enrolled, booking=self._book(welcoming(enrolled.member, self.at)))

    def decide(self, operation: Operation) -> Outcome:
        """Book it. Raises whatever refusal it meets."""
        if operation.op == "void":
            return self._void(operation)
        member = self.reading.member(operation)
        standing = self.reading.standings[member.pk]
        deciders: dict[str, Callable[[Operation, Standing], Outcome]] = {
            "earn": self._earn,
            "stamp": self._stamp,
            "stamps_redeem": self._stamps_redeem,
            "redeem": self._redeem,
            "refund": self._refund,
        }
        return deciders[operation.op](operation, standing)

    def _earn(self, operation: Operation, standing: Standing) -> Outcome:
        moment = operation.moment(self.at)
        with standing.as_it_would_be() as member:
            booking = points.earning(
                member=member,
                store=self.store,
                at=moment,
                earned_today=standing.earned_on(moment),
                **operation.given("amount", "currency", "order_reference", "items"),
            )
        if (before := self._before(booking)) is not None:
            return before
        self._needs_active(standing)
        standing.earned(booking.posting.points, moment, self.at)
        place = self._book(booking)
        self.reading.remember_order(booking.posting)
        return Outcome(booking=place)

    def _stamp(self, operation: Operation, standing: Standing) -> Outcome:
        moment = operation.moment(self.at)
        booking = stamps.stamping(
            member=standing.member, store=self.store, at=moment, **operation.given("count", "order_reference")
        )
        booking = self._keyed(booking, f"stamp:client:{self.store.pk}:{operation.client_id}")
        if (before := self._before(booking)) is not None:
            return before
        self._needs_active(standing)
        count = booking.posting.stamps
        standing.limits_of_stamps(moment).respect(standing.member.program, count)
        standing.stamped(count, moment)
        return Outcome(booking=self._book(booking))

    def _stamps_redeem(self, operation: Operation, standing: Standing) -> Outcome:
        booking = stamps.redeeming(
            member=standing.member,
            store=self.store,
            at=operation.moment(self.at),
            key=operation.fields.get("reference"),
            short=Short.SKIP,
        )
        booking = self._keyed(booking, f"stamp_redeem:client:{self.store.pk}:{operation.client_id}")
        if (before := self._before(booking)) is not None:
            return before
        self._needs_active(standing)
        if standing.stamps + booking.posting.stamps < 0:
            raise InsufficientStamps(stamps=standing.stamps)
        standing.stamps += booking.posting.stamps
        return Outcome(booking=self._book(booking))

    def _redeem(self, operation: Operation, standing: Standing) -> Outcome:
        offer = None
        if (slug := operation.fields.get("reward_slug")) is not None:
            offer = self.reading.offers.get((standing.member.program_id, slug))
            if offer is None:
                raise RewardUnavailable(field="reward_slug")
        redemption, booking = redemptions.redeeming(
            member=standing.member,
            store=self.store,
            points=operation.fields.get("points"),
            offer=offer,
            order_reference=operation.fields["order_reference"],
            at=operation.moment(self.at),
        )
        known = self.reading.redemptions.get(redemption.key or "")
        if known is not None:
            return Outcome(redemption=redemptions.same_request(known, redemption), replayed=True)
        place = self.by_key.get(redemption.key or "")
        if place is not None:
            first = redemptions.same_request(self.new_redemptions[place], redemption)
            first.replayed = False
            return Outcome(booking=place, replayed=True)
        if offer is not None:
            self._check_offer(offer, standing, operation.moment(self.at))
        self._needs_active(standing)
        if redemption.points_cost > standing.available:
            raise InsufficientPoints(available=standing.available)
        standing.available -= redemption.points_cost
        if offer is not None:
            offer.take(1)
            self.reading.used[standing.member.pk, offer.reward.pk] = offer.used
        place = self._book(replace(booking, posting=replace(booking.posting, short=Short.SKIP)))
        self.new_redemptions[place] = redemption
        return Outcome(booking=place)

    def _check_offer(self, offer: Offer, standing: Standing, moment: datetime) -> None:
        """Raise `RewardUnavailable` where the member cannot have it, after all that was granted before."""
        offer.used = self.reading.used.get((standing.member.pk, offer.reward.pk), 0)
        with standing.as_it_would_be() as member:
            redemptions.check(offer, member=member, quantity=1, at=moment)

    def _refund(self, operation: Operation, standing: Standing) -> Outcome:
        order: LedgerEntry | None = None
        story: Story | None = None
        reference = operation.fields.get("order_reference")
        amount = money(operation.fields["amount"])
        if reference is not None:
            order, story = self.reading.order(standing.member, reference)
            if order is None or story is None:
                raise OrderNotFound
        booking = refunds.refunding(
            member=standing.member,
            store=self.store,
            at=operation.moment(self.at),
            order=order,
            requested=story.asked_back(amount) if story is not None else None,
            **operation.given("amount", "currency", "refund_reference"),
        )
        if (before := self._before(booking)) is not None:
            return before
        if story is not None:
            story.refunded += amount
        standing.taken(min(-booking.posting.points, standing.available))
        return Outcome(booking=self._book(booking))

    def _void(self, operation: Operation) -> Outcome:
        entry = self.reading.entries.get(operation.fields["entry_id"])
        if entry is None:
            raise NotFound
        standing = self.reading.standings[entry.member_id]
        entry.member = standing.member
        story = self.reading.stories[entry.pk]
        booking = refunds.voiding(
            store=self.store,
            entry=entry,
            story=story,
            reason=operation.fields["reason"],
            at=self.at,
            short=Short.SKIP,
        )
        if (before := self._before(booking)) is not None:
            return before
        if story.voided:
            raise NotVoidable
        if standing.stamps + booking.posting.stamps < 0:
            raise StampsSpent
        if -booking.posting.points > standing.available:
            raise InsufficientPoints(available=standing.available)
        story.voided = True
        standing.stamps += booking.posting.stamps
        standing.taken(-booking.posting.points)
        return Outcome(booking=self._book(booking))

    def _before(self, booking: Booking) -> Outcome | None:
        """The outcome of the same request, made before or earlier in this batch. Raises for another request."""
        key = booking.posting.key or ""
        if (known := self.reading.known.get(key)) is not None:
            _compare(known.member_id, known.fingerprint, booking)
            known.replayed = True
            return Outcome(entry=known, replayed=True)
        if (place := self.by_key.get(key)) is not None:
            first = self.bookings[place].posting
            _compare(first.member.pk, first.fingerprint, booking)
            return Outcome(booking=place, replayed=True)
        return None

    def _needs_active(self, standing: Standing) -> None:
        if not standing.member.is_active:
            raise CardInactive

    def _keyed(self, booking: Booking, key: str) -> Booking:
        if booking.posting.key is not None:
            return booking
        return replace(booking, posting=replace(booking.posting, key=key))

    def _book(self, booking: Booking) -> int:
        place = len(self.bookings)
        self.bookings.append(booking)
        if booking.posting.key is not None:
            self.by_key[booking.posting.key] = place
        return place

    # --- Posting ----------------------------------------------------------------------------------------------
    def post(self) -> None:
        """Write the redemptions, post every booking at once and publish the news."""
        written = redemptions.write_new(list(self.new_redemptions.values()), at=self.at)
        if len(written.ids) < len(self.new_redemptions):
            # Another member's till used the reference at this moment.
            raise OrderAlreadyUsed
        for place in self.new_redemptions:
            redemptions.tell_codes(self.bookings[place], written)

        def news(posted: list[Posted]) -> list[Event]:
            told = list(self.news)
            for place, redemption in self.new_redemptions.items():
                redemption.entry = posted[place].entry
                told += redemptions.redeemed(redemption, written.codes.get(redemption.pk, []), at=self.at)
            rewards = [each.reward for each in self.new_redemptions.values() if each.reward is not None]
            return told + written.news(rewards, merchant_id=self.store.merchant_id, at=self.at)

        self.posted = settle(self.bookings, at=self.at, also=news)

    def complete(self, outcome: Outcome) -> None:
        """Put into the outcome what was posted for it."""
        if outcome.booking is None:
            return
        posted = self.posted[outcome.booking]
        if outcome.enrolled is not None:
            take_over(outcome.enrolled.member, posted)
        elif outcome.booking in self.new_redemptions:
            outcome.redemption = self.new_redemptions[outcome.booking]
        else:
            outcome.entry = posted.entry


def _compare(member_id: UUID, fingerprint: Any, booking: Booking) -> None:
    if member_id != booking.posting.member.pk:
        raise OrderAlreadyUsed
    if (bytes(fingerprint) if fingerprint is not None else None) != booking.posting.fingerprint:
        raise KeyReused
