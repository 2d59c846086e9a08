"""Taking purchases back: refunds and voids (specs/points.md "Refund", "Void")."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import DecimalField, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from loyalty import ledger
from loyalty.events import EntryUndone, PointsRefunded, StampVoided
from loyalty.ledger import InsufficientStamps, Posting, Short
from loyalty.models import EntryType, LedgerEntry, Member
from loyalty.operations.orders import floor, in_currency, money, reference
from loyalty.operations.points import lock
from loyalty.operations.settling import Booking, settle
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Store, User


class OrderNotFound(NotFound):
    """The merchant has no such order of this member."""

    code = "order_not_found"
    sentence = "This member has no such order."


class NotVoidable(Refusal):
    """Only a purchase or a stamp of the same store can be voided."""

    code = "not_voidable"
    status = 422
    sentence = "Only a purchase or a stamp of this store can be voided."


class VoidTooLate(Refusal):
    """The program's hours for a void are over."""

    code = "void_too_late"
    sentence = "It is too late to void this."


class StampsSpent(Refusal):
    """The stamps of this entry have been redeemed."""

    code = "stamps_spent"
    sentence = "These stamps have been redeemed already."


@transaction.atomic(savepoint=False)
def refund(
    *,
    member: Member,
    store: Store,
    amount: Decimal,
    refund_reference: str,
    at: datetime,
    order_reference: str | None = None,
    currency: str | None = None,
    occurred_at: datetime | None = None,
) -> LedgerEntry:
    """Take back the points of a return: what is available of them; the rest is the entry's `shortfall`, not owed.

    With the order's reference, the order keeps its share of what it earned; without, the amount counts at the
    program's rate. One refund reference refunds once. Works on inactive cards; no activity. Raises `InvalidAmount`,
    `InvalidReference`, `CurrencyMismatch`, `OrderNotFound`, `KeyReused`, `OrderAlreadyUsed`.
    """
    order = None
    requested = None
    if order_reference is not None:
        order = _order(lock(member), order_reference)
        refunded = _refunded(order)
        requested = _share(order, refunded) - _share(order, refunded + money(amount))
        if _undone(order):
            requested = 0
    booking = refunding(
        member=member,
        store=store,
        amount=amount,
        currency=currency,
        refund_reference=refund_reference,
        at=occurred_at or at,
        order=order,
        requested=requested,
    )
    [posted] = settle([booking], at=at)
    assert posted.entry is not None  # noqa: S101 (a refund that takes nothing is an entry of 0)
    return posted.entry


def refunding(
    *,
    member: Member,
    store: Store,
    amount: Decimal,
    refund_reference: str,
    at: datetime,
    currency: str | None = None,
    order: LedgerEntry | None = None,
    requested: int | None = None,
    metadata: dict[str, Any] | None = None,
) -> Booking:
    """The booking of a refund: of `requested` points, or of the amount at the program's rate."""
    amount = money(amount)
    currency = in_currency(member.program, currency)
    if requested is None:
        requested = floor(amount * member.program.points_per_unit)
    order_reference = order.order_reference if order else ""
    return Booking(
        Posting(
            member=member,
            type=EntryType.REFUND,
            points=-requested,
            short=Short.CLAMP,
            key=f"refund:{reference(refund_reference)}",
            fingerprint=ledger.fingerprint(amount=amount, currency=currency, store=store.pk, order=order_reference),
            moves_lifetime=True,
            answers_id=order.pk if order else None,
            store_id=store.pk,
            order_reference=order_reference,
            metadata={"amount": str(amount), "currency": currency, "refund_reference": refund_reference}
            | (metadata or {}),
            occurred_at=at,
        ),
        PointsRefunded,
    )


def _order(member: Member, order_reference: str) -> LedgerEntry:
    order = LedgerEntry.objects.filter(
        merchant_id=member.merchant_id, key=f"earn:{order_reference}", member=member
    ).first()
    if order is None:
        raise OrderNotFound
    return order


def _refunded(order: LedgerEntry) -> Decimal:
    """Money refunded of this order so far."""
    refunds = LedgerEntry.objects.filter(answers_id=order.pk, type=EntryType.REFUND)
    amount = Cast(KT("metadata__amount"), DecimalField(max_digits=14, decimal_places=2))
    return refunds.aggregate(amount=Sum(amount))["amount"] or Decimal(0)


def _share(order: LedgerEntry, refunded: Decimal) -> int:
    """Points the order keeps once `refunded` of its money was given back."""
    amount = Decimal(order.metadata["amount"])
    if amount == 0:
        return order.points_delta
    return floor(order.points_delta * max(Decimal(0), amount - refunded) / amount)


def _kept(order: LedgerEntry) -> int:
    return _share(order, _refunded(order))


def _undone(entry: LedgerEntry) -> bool:
    """Whether a void, or the undo of a run, has answered the entry: then the order keeps nothing."""
    return LedgerEntry.objects.filter(
        answers_id=entry.pk, type__in=(EntryType.UNDO, EntryType.STAMP_VOIDED), member=entry.member_id
    ).exists()


def _void_of(entry: LedgerEntry) -> LedgerEntry | None:
    voids = LedgerEntry.objects.filter(merchant_id=entry.merchant_id, key=f"void:{entry.pk}")
    return voids.first()


@transaction.atomic(savepoint=False)
def void(*, store: Store, entry_id: UUID, reason: str, at: datetime, actor: User | None = None) -> LedgerEntry:
    """Undo a purchase or a stamp of this store, within the program's hours; again returns the first void.

    A purchase gives back what it still keeps, lifetime points with it; its reference stays used and the clock is not
    turned back. Works on inactive cards. Raises `NotFound`, `NotVoidable`, `VoidTooLate`, `InsufficientPoints`,
    `StampsSpent`.
    """
    entry = (
        LedgerEntry.objects.select_related("member__program", "member__tier")
        .filter(merchant_id=store.merchant_id, pk=entry_id)
        .first()
    )
    if entry is None:
        raise NotFound
    if entry.type not in (EntryType.EARN, EntryType.STAMP_EARNED) or entry.store_id != store.pk:
        raise NotVoidable
    lock(entry.member)
    if (first := _void_of(entry)) is not None:
        return first
    if _undone(entry):
        raise NotVoidable("This was undone already, with the run it belonged to.")
    program = entry.member.program
    if at > entry.occurred_at + timedelta(hours=program.void_hours):
        raise VoidTooLate(f"A void is possible for {program.void_hours} hours.")
    of_stamps = entry.type == EntryType.STAMP_EARNED
    booking = Booking(
        Posting(
            member=entry.member,
            type=EntryType.STAMP_VOIDED if of_stamps else EntryType.UNDO,
            points=0 if of_stamps else -_kept(entry),
            stamps=-entry.stamps_delta,
            short=Short.REFUSE,
            key=f"void:{entry.pk}",
            moves_lifetime=True,
            answers_id=entry.pk,
            store_id=store.pk,
            actor_id=actor.pk if actor else None,
            order_reference=entry.order_reference,
            description=reason,
            metadata={"kind": "void"},
            occurred_at=at,
        ),
        StampVoided if of_stamps else EntryUndone,
    )
    try:
        [posted] = settle([booking], at=at)
    except InsufficientStamps as error:
        raise StampsSpent from error
    assert posted.entry is not None  # noqa: S101 (a void is posted or refused)
    return posted.entry
