"""The stamp card (specs/points.md "Stamps")."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, Sum

from loyalty import ledger
from loyalty.events import StampEarned, StampsRedeemed
from loyalty.ledger import Posting, Short
from loyalty.models import EntryType, LedgerEntry, Member, Program
from loyalty.operations import refunds
from loyalty.operations.orders import day_of, reference
from loyalty.operations.points import ProgramInactive, lock
from loyalty.operations.settling import Booking, settle
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Store, User

MOST_AT_ONCE = 100


class InvalidStampCount(Refusal):
    """Stamps are given by ones, up to a hundred at once."""

    code = "invalid_stamp_count"
    status = 422
    sentence = "The number of stamps must be from 1 to 100."


class StampTooSoon(Refusal):
    """The program wants more minutes between two stamps. `facts`: minutes, how many it wants."""

    code = "stamp_too_soon"
    sentence = "It is too soon for another stamp."


class StampDailyCap(Refusal):
    """The card has had its stamps of the day. `facts`: stamps_per_day."""

    code = "stamp_daily_cap"
    sentence = "This card has had its stamps for today."


@transaction.atomic(savepoint=False)
def add(
    *,
    member: Member,
    store: Store,
    at: datetime,
    count: int = 1,
    order_reference: str | None = None,
    occurred_at: datetime | None = None,
) -> LedgerEntry:
    """Put stamps on the card and return the entry; one order reference stamps once. Is activity.

    The count may pass the target; each time it reaches a multiple of it a reward is ready. Raises
    `InvalidStampCount`, `StampTooSoon`, `StampDailyCap`, `CardInactive`, `ProgramInactive`, `KeyReused`,
    `OrderAlreadyUsed`.
    """
    booking = stamping(member=member, store=store, at=occurred_at or at, count=count, order_reference=order_reference)
    program = member.program
    if program.minutes_between_stamps or program.stamps_per_day is not None:
        fresh = lock(member)
        limits = Limits.of(fresh, occurred_at or at, booking.posting.key)
        if not limits.repeated:
            limits.respect(program, count)
    [posted] = settle([booking], at=at)
    assert posted.entry is not None  # noqa: S101 (a stamp is posted or refused)
    return posted.entry


def stamping(
    *, member: Member, store: Store, at: datetime, count: int = 1, order_reference: str | None = None
) -> Booking:
    """The booking of stamps, for programs without limits in time, to be settled alone or in a batch."""
    if not member.program.is_active:
        raise ProgramInactive
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_AT_ONCE:
        raise InvalidStampCount
    return Booking(
        Posting(
            member=member,
            type=EntryType.STAMP_EARNED,
            stamps=count,
            key=f"stamp:{reference(order_reference)}" if order_reference is not None else None,
            fingerprint=ledger.fingerprint(count=count, store=store.pk),
            is_activity=True,
            needs_active=True,
            store_id=store.pk,
            order_reference=order_reference or "",
            occurred_at=at,
        ),
        StampEarned,
    )


@transaction.atomic(savepoint=False)
def redeem(
    *,
    member: Member,
    store: Store | None,
    at: datetime,
    key: str | None = None,
    actor: User | None = None,
    occurred_at: datetime | None = None,
) -> LedgerEntry:
    """Redeem a full card: exactly the target is taken, the rest stays. Is activity.

    The same `key` redeems once. Raises `InsufficientStamps`, `CardInactive`, `ProgramInactive`, `KeyReused`.
    """
    booking = redeeming(member=member, store=store, at=occurred_at or at, key=key, actor=actor, short=Short.REFUSE)
    [posted] = settle([booking], at=at)
    assert posted.entry is not None  # noqa: S101 (refused, not skipped, when short)
    return posted.entry


def redeeming(
    *,
    member: Member,
    store: Store | None,
    at: datetime,
    key: str | None,
    short: Short,
    actor: User | None = None,
) -> Booking:
    """The booking of a full card; with `Short.SKIP` it happens only if the card is full by then."""
    if not member.program.is_active:
        raise ProgramInactive
    return Booking(
        Posting(
            member=member,
            type=EntryType.STAMP_REDEEMED,
            stamps=-member.program.stamps_target,
            short=short,
            key=f"stamp_redeem:{key}" if key is not None else None,
            is_activity=True,
            needs_active=True,
            store_id=store.pk if store else None,
            actor_id=actor.pk if actor else None,
            occurred_at=at,
        ),
        StampsRedeemed,
    )


# A void of stamps is a void of their entry.
void = refunds.void


@dataclass(frozen=True, slots=True)
class Limits:
    """What the program's limits in time go by, at the moment of a stamp: read in one query, under the member's lock."""

    repeated: bool
    too_soon: bool
    today: int

    @classmethod
    def of(cls, member: Member, moment: datetime, key: str | None) -> "Limits":
        program = member.program
        voided = LedgerEntry.objects.filter(member=member, type=EntryType.STAMP_VOIDED).values("answers_id")
        counts = Q(type=EntryType.STAMP_EARNED) & ~Q(pk__in=voided)
        # Tills send late what happened offline, so a neighbour on either side counts.
        gap = timedelta(minutes=program.minutes_between_stamps)
        near = Q(occurred_at__gt=moment - gap, occurred_at__lt=moment + gap)
        begin, end = day_of(program, moment)
        day = Q(occurred_at__gte=begin, occurred_at__lt=end)
        found = LedgerEntry.objects.filter(member=member).aggregate(
            repeated=Count("pk", filter=Q(key=key or "")),
            near=Count("pk", filter=counts & near),
            today=Sum("stamps_delta", filter=counts & day),
        )
        return cls(bool(found["repeated"]), bool(gap and found["near"]), found["today"] or 0)

    def respect(self, program: Program, count: int) -> None:
        """Raise where the program forbids `count` more at that moment."""
        if self.too_soon:
            raise StampTooSoon(
                f"There must be {program.minutes_between_stamps} minutes between two stamps.",
                minutes=program.minutes_between_stamps,
            )
        if program.stamps_per_day is not None and self.today + count > program.stamps_per_day:
            raise StampDailyCap(
                f"A card gets at most {program.stamps_per_day} stamps a day.",
                stamps_per_day=program.stamps_per_day,
            )
