"""Taking purchases back: refunds and voids (specs/points.md "Refund", "Void")."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from loyalty import ledger
from loyalty.events import EntryUndone, PointsRefunded, StampVoided
from loyalty.ledger import InsufficientStamps, Posting, Short
from loyalty.models import EntryType, LedgerEntry, Member
from loyalty.operations.orders import floor, in_currency, money, reference
from loyalty.operations.points import lock
from loyalty.operations.settling import Booking, settle
from loyalty.queries import faces
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
        order, story = order_named(lock(member), order_reference)
        requested = story.asked_back(money(amount))
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


def order_named(member: Member, order_reference: str) -> tuple[LedgerEntry, "Story"]:
    """The purchase of the locked member with this reference, and its story. Raises `OrderNotFound`."""
    order, story = _with_story(
        LedgerEntry.objects.filter(merchant_id=member.merchant_id, key=f"earn:{order_reference}", member=member)
    )
    if order is None or story is None:
        raise OrderNotFound
    return order, story


def _with_story(entries: QuerySet[LedgerEntry]) -> "tuple[LedgerEntry | None, Story | None]":
    """The one entry of these and its story, in one query; its member must be locked."""
    # Each part goes by its own index; one condition for both would read the table through.
    answers = LedgerEntry.objects.filter(answers_id__in=entries.order_by().values("pk"))
    rows = list(entries.order_by().union(answers.order_by(), all=True))
    answered = {row.answers_id for row in rows}
    entry = next((row for row in rows if row.pk in answered or len(rows) == 1), None)
    if entry is None:
        return None, None
    story = Story.of(entry)
    for row in rows:
        if row is not entry and row.member_id == entry.member_id:
            story.hear(row.type, row.metadata, row.key)
    return entry, story


@dataclass(slots=True)
class Story:
    """What became of a purchase since: money refunded, and whether it was voided or undone with its run."""

    points: int
    amount: Decimal
    refunded: Decimal = Decimal(0)
    voided: bool = False
    undone: bool = False

    @classmethod
    def of(cls, entry: LedgerEntry) -> "Story":
        return cls(points=entry.points_delta, amount=Decimal(entry.metadata.get("amount", "0")))

    def hear(self, kind: str, metadata: dict[str, Any], key: str | None) -> None:
        """Take in an entry that answers the purchase."""
        if kind == EntryType.REFUND:
            self.refunded += Decimal(metadata["amount"])
        elif key is not None and key.startswith("void:"):
            self.voided = True
        elif kind == EntryType.UNDO:
            self.undone = True

    @property
    def kept(self) -> int:
        """Points the purchase still keeps."""
        return self._share(self.refunded)

    def asked_back(self, amount: Decimal) -> int:
        """Points to ask back once `amount` more is refunded."""
        return 0 if self.voided or self.undone else self.kept - self._share(self.refunded + amount)

    def _share(self, refunded: Decimal) -> int:
        if self.amount == 0:
            return self.points
        return floor(self.points * max(Decimal(0), self.amount - refunded) / self.amount)


def stories(entries: list[LedgerEntry]) -> dict[UUID, Story]:
    """The stories of these purchases and stamps, in one query; their members must be locked, for they go on."""
    told = {entry.pk: Story.of(entry) for entry in entries}
    answers = LedgerEntry.objects.filter(answers_id__in=list(told)).values_list("answers_id", "type", "metadata", "key")
    for answered, kind, metadata, key in answers:
        if answered is not None:
            told[answered].hear(kind, metadata, key)
    return told


@transaction.atomic(savepoint=False)
def void(
    *,
    store: Store,
    entry_id: UUID,
    reason: str,
    at: datetime,
    actor: User | None = None,
    member: Member | None = None,
    stamps_alone: bool = False,
) -> LedgerEntry:
    """Undo a purchase or a stamp of this store, within the program's hours; again returns the first void.

    A purchase gives back what it still keeps, lifetime points with it; its reference stays used and the clock is not
    turned back. Works on inactive cards. With `member` the entry must be theirs. Raises
    `NotFound`, `NotVoidable`, `VoidTooLate`, `InsufficientPoints`, `StampsSpent`.
    """
    if member is None:
        owner = "m.merchant_id = %s AND m.id = (SELECT e.member_id FROM loyalty_ledger_entries e WHERE e.id = %s)"
        member = next(iter(faces.members(owner, [store.merchant_id, entry_id], for_change=True)), None)
        if member is None:
            raise NotFound
    locked = lock(member)
    entry, story = _with_story(LedgerEntry.objects.filter(merchant_id=store.merchant_id, pk=entry_id, member=locked))
    if entry is None or story is None:
        raise NotFound
    if stamps_alone and entry.type != EntryType.STAMP_EARNED:
        raise NotVoidable
    entry.member = locked
    booking = voiding(store=store, entry=entry, story=story, reason=reason, at=at, actor=actor)
    if story.voided:
        first = LedgerEntry.objects.get(merchant_id=entry.merchant_id, key=f"void:{entry.pk}")
        first.replayed, first.member = True, entry.member
        return first
    try:
        [posted] = settle([booking], at=at)
    except InsufficientStamps as error:
        raise StampsSpent from error
    assert posted.entry is not None  # noqa: S101 (a void is posted or refused)
    posted.entry.member = entry.member
    return posted.entry


def voiding(
    *,
    store: Store,
    entry: LedgerEntry,
    story: Story,
    reason: str,
    at: datetime,
    actor: User | None = None,
    short: Short = Short.REFUSE,
) -> Booking:
    """The booking of a void, to be settled alone or in a batch. Raises `NotVoidable`, `VoidTooLate`."""
    if entry.type not in (EntryType.EARN, EntryType.STAMP_EARNED) or entry.store_id != store.pk:
        raise NotVoidable
    if story.undone:
        raise NotVoidable("This was undone already, with the run it belonged to.")
    hours = entry.member.program.void_hours
    if not story.voided and at > entry.occurred_at + timedelta(hours=hours):
        raise VoidTooLate(f"A void is possible for {hours} hours.")
    of_stamps = entry.type == EntryType.STAMP_EARNED
    return Booking(
        Posting(
            member=entry.member,
            type=EntryType.STAMP_VOIDED if of_stamps else EntryType.UNDO,
            points=0 if of_stamps else -story.kept,
            stamps=-entry.stamps_delta,
            short=short,
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
