"""Orders become bookings, a batch at a time: one transaction, one posting of the ledger."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction

from loyalty.ledger import CardInactive, KeyReused, OrderAlreadyUsed, Posted, Short
from loyalty.models import EntryType, LedgerEntry, Member, Program
from loyalty.operations import points, refunds, stamps
from loyalty.operations.settling import Booking, settle
from loyalty.replay.orders import Order
from loyalty.replay.people import members_for, stores_for
from loyalty.replay.rules import Rules
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant, Store

# A till of the same merchant waits for at most one batch.
BATCH = 500


class OrderRefused(Refusal):
    """The ledger knows an order of the file otherwise, or its member's card is switched off."""

    code = "order_refused"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a replay books: the program, its rules, and the run its entries belong to."""

    program: Program
    rules: Rules
    run_id: UUID

    @transaction.atomic(durable=True)
    def book(self, orders: Sequence[Order]) -> Counter[str]:
        """Book these orders in their order, members and stores made where missing; what is booked already stays.

        Counts orders and entries newly written. Raises `OrderRefused`; then none of these orders is booked.
        """
        stores = stores_for(self.program.merchant, {order.store for order in orders})
        new = self._not_booked([order for order in orders if order.customer])
        if not new:
            return Counter()
        # Backwards, so that a member's earliest row is the one that stays.
        members = members_for(self.program, {order.customer: order.at for order in reversed(new)})
        bookings: list[Booking] = []
        booked: list[Order] = []
        for order in new:
            for booking in self._bookings(order, members[order.customer], stores[order.store]):
                bookings.append(booking)
                booked.append(order)
        try:
            posted = settle(bookings, at=new[-1].at)
        except (KeyReused, OrderAlreadyUsed, CardInactive) as refusal:
            raise _refused(refusal, booked) from refusal
        return _counted(posted)

    def _not_booked(self, orders: list[Order]) -> list[Order]:
        """Those of the orders that the ledger does not have.

        Its keys alone would not do: a card that was not full when an order came may have been filled, or switched
        off, since.
        """
        known = LedgerEntry.objects.filter(
            merchant_id=self.program.merchant_id, key__in=[_key(order) for order in orders]
        )
        booked = set(known.values_list("key", flat=True))
        return [order for order in orders if _key(order) not in booked]

    def _bookings(self, order: Order, member: Member, store: Store) -> Iterator[Booking]:
        if order.is_refund:
            yield self._of_run(
                refunds.refunding(
                    member=member,
                    store=store,
                    amount=order.amount,
                    currency=self.rules.currency,
                    refund_reference=order.reference,
                    at=order.at,
                    metadata={"original_order_ref": order.original} if order.original else None,
                )
            )
            return
        yield self._of_run(
            points.earning(
                member=member,
                store=store,
                amount=order.amount,
                currency=self.rules.currency,
                order_reference=order.reference,
                at=order.at,
            )
        )
        if self.rules.stamp_min is not None and order.amount >= self.rules.stamp_min:
            yield self._of_run(
                stamps.stamping(member=member, store=store, at=order.at, order_reference=order.reference)
            )
            # A card that is full now is redeemed at once; one that is not is left alone.
            yield self._of_run(
                stamps.redeeming(
                    member=member, store=store, at=order.at, key=f"order:{order.reference}", short=Short.SKIP
                )
            )

    def _of_run(self, booking: Booking) -> Booking:
        return replace(booking, posting=replace(booking.posting, run_id=self.run_id))


def refuse_other_orders(slug: str, orders: Sequence[Order]) -> None:
    """Raise `OrderRefused` where the ledger has an order of the file with another customer, store or amount.

    Writes nothing: a file is not half booked before its first contradiction shows.
    """
    merchant = Merchant.objects.filter(slug=slug).first()
    if merchant is None:
        return
    of_members = [order for order in orders if order.customer]
    for first in range(0, len(of_members), BATCH):
        by_key = {_key(order): order for order in of_members[first : first + BATCH]}
        known = LedgerEntry.objects.filter(merchant_id=merchant.pk, key__in=list(by_key)).values_list(
            "key", "member__customer__external_ref", "store__reference", "metadata__amount"
        )
        for key, customer, store, amount in known:
            order = by_key[str(key)]
            if (customer, store, amount) != (order.customer, order.store, f"{order.amount:.2f}"):
                raise OrderRefused(
                    f"Line {order.line}: order {order.reference} was booked before, for customer {customer}, "
                    f"store {store}, {amount}. Nothing was written."
                )


def _key(order: Order) -> str:
    """The key of the order's entry (specs/points.md "References and keys")."""
    return f"{'refund' if order.is_refund else 'earn'}:{order.reference}"


def _refused(refusal: Refusal, booked: list[Order]) -> OrderRefused:
    place = refusal.facts.get("ord")
    if place is None:
        return OrderRefused(refusal.detail)
    order = booked[place - 1]
    return OrderRefused(f"Line {order.line}: order {order.reference} was refused. {refusal.detail}")


def _counted(posted: list[Posted]) -> Counter[str]:
    counts = Counter(entries=0, orders=0)
    for one in posted:
        if one.created:
            counts["entries"] += 1
            counts["orders"] += one.posting.type in (EntryType.EARN, EntryType.REFUND)
    return counts
