"""Earning, awarding and correcting points."""

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, Sum

from loyalty import ledger
from loyalty.events import PointsAdjusted, PointsAwarded, PointsEarned
from loyalty.ledger import Posting, Short
from loyalty.ledger_credit import Keeper
from loyalty.models import EntryType, LedgerEntry, Member, TierBasis
from loyalty.models.programs import MOST_POINTS
from loyalty.operations import tiers
from loyalty.operations.orders import (
    InvalidPoints,
    Worth,
    day_of,
    expiry_of_credit,
    form_key,
    in_currency,
    money,
    reference,
    whole_points,
    worth,
)
from loyalty.operations.settling import Booking, settle, settle_alone, settle_at_once
from loyalty.queries import faces, locks
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Store, User

AWARDS = frozenset({EntryType.REFERRAL_BONUS, EntryType.TIER_BONUS, EntryType.WELCOME_BONUS})


class ProgramInactive(Refusal):
    """The program is switched off: nothing is earned or spent in it."""

    code = "program_inactive"
    sentence = "This program is not active."


class ReasonMissing(Refusal):
    """A correction by staff says why."""

    code = "reason_required"
    status = 422
    sentence = "Give the reason."


def earn(
    *,
    member: Member,
    store: Store,
    amount: Decimal,
    order_reference: str,
    at: datetime,
    currency: str | None = None,
    occurred_at: datetime | None = None,
    items: list[dict[str, Any]] | None = None,
) -> LedgerEntry:
    """Credit a purchase and return its entry. One order earns once, however often the till retries.

    `amount` is in the program's currency. An order that earns nothing is an entry of 0 that says why. Raises
    `InvalidAmount`, `InvalidReference`, `CurrencyMismatch`, `CardInactive`, `ProgramInactive`, `KeyReused`,
    `OrderAlreadyUsed`. Rules: specs/points.md "Earning".
    """
    purchase = partial(
        earning,
        member=member,
        store=store,
        amount=amount,
        currency=currency,
        order_reference=order_reference,
        at=occurred_at or at,
        items=items,
    )
    if member.program.max_points_per_day is None:
        posted = settle_alone(purchase(), at=at)
    else:
        with transaction.atomic(savepoint=False):
            earned_today, qualifying = _earned_so_far(occurred_at or at, lock(member), at)
            known = {member.pk: qualifying} if qualifying is not None else None
            [posted] = settle([purchase(earned_today=earned_today)], at=at, qualifying=known)
    assert posted.entry is not None  # noqa: S101 (an earn posting is never skipped)
    return posted.entry


def earn_at_once(
    *,
    member: Member,
    store: Store,
    at: datetime,
    keeper: Keeper | None = None,
    occurred_at: datetime | None = None,
    **purchase: Any,
) -> LedgerEntry | None:
    """`earn` in one statement, together with what the keeper keeps of it; None where nothing was done.

    The member may have been read without a lock: whatever this raises, as `earning` does, is to be judged again.
    """
    if member.program.max_points_per_day is not None:
        return None
    booking = earning(member=member, store=store, at=occurred_at or at, **purchase)
    posted = settle_at_once(booking, at=at, keeper=keeper)
    return posted.entry if posted is not None else None


def earning(
    *,
    member: Member,
    store: Store,
    amount: Decimal,
    order_reference: str,
    at: datetime,
    currency: str | None = None,
    items: list[dict[str, Any]] | None = None,
    earned_today: int = 0,
) -> Booking:
    """The booking of a purchase, to be settled alone or in a batch. Raises what `earn` raises for bad input."""
    program = member.program
    if not program.is_active:
        raise ProgramInactive
    amount = money(amount)
    currency = in_currency(program, currency)
    earned = worth(program, member.tier, amount, earned_today=earned_today)
    return Booking(
        Posting(
            member=member,
            type=EntryType.EARN,
            points=earned.points,
            key=f"earn:{reference(order_reference)}",
            fingerprint=ledger.fingerprint(amount=amount, currency=currency, store=store.pk),
            is_activity=True,
            needs_active=True,
            expires_at=expiry_of_credit(program, at),
            store_id=store.pk,
            order_reference=order_reference,
            metadata=earned.facts | ({"items": items} if items else {}),
            occurred_at=at,
        ),
        PointsEarned,
    )


def preview(*, member: Member, amount: Decimal, at: datetime, currency: str | None = None) -> Worth:
    """What a purchase would earn, and why. Writes nothing. Raises `InvalidAmount` and `CurrencyMismatch`."""
    in_currency(member.program, currency)
    capped = member.program.max_points_per_day is not None
    earned_today = _earned_on_the_day_of(at, member) if capped else 0
    return worth(member.program, member.tier, money(amount), earned_today=earned_today)


def _earned_on_the_day_of(moment: datetime, member: Member) -> int:
    """Points of the member's purchases that day, less what voids took of them."""
    moved = LedgerEntry.objects.filter(_of_the_day(moment, member), member=member)
    return moved.aggregate(points=Sum("points_delta"))["points"] or 0


def _earned_so_far(moment: datetime, member: Member, at: datetime) -> tuple[int, int | None]:
    """`_earned_on_the_day_of`, and where the program's tiers roll the points towards a tier; in one query."""
    if member.program.tier_basis == TierBasis.LIFETIME:
        return _earned_on_the_day_of(moment, member), None
    that_day, that_year = _of_the_day(moment, member), tiers.in_window(at)
    sums = LedgerEntry.objects.filter(that_day | that_year, member=member).aggregate(
        day=Sum("points_delta", filter=that_day), year=Sum("lifetime_delta", filter=that_year)
    )
    return sums["day"] or 0, sums["year"] or 0


def _of_the_day(moment: datetime, member: Member) -> Q:
    begin, end = day_of(member.program, moment)
    of_that_day = Q(type=EntryType.EARN, occurred_at__gte=begin, occurred_at__lt=end)
    orders = LedgerEntry.objects.filter(of_that_day, member=member)
    return of_that_day | Q(type=EntryType.UNDO, answers_id__in=orders.values("pk"))


def lock(member: Member) -> Member:
    """The member as it is now, locked until the transaction ends, program, tier and customer at hand."""
    if locks.is_held(member):
        return member
    [fresh] = faces.members("m.id = %s", [member.pk], for_change=True)
    # Whoever read the ladder of tiers already need not read it again.
    fresh.program = member.program
    return fresh


def award(
    *,
    member: Member,
    type: EntryType,  # noqa: A002
    points: int,
    key: str,
    at: datetime,
    description: str = "",
    metadata: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
    run_id: UUID | None = None,
) -> LedgerEntry:
    """Credit a bonus of one of the `AWARDS` types; `key` names its occasion, which gives once.

    Awards are no activity. `expires_at` is a date of the credit's own; without it the program's policy gives one.
    Raises `InvalidPoints`, `KeyReused`.
    """
    booking = awarding(
        member=member,
        type=type,
        points=points,
        key=key,
        at=at,
        description=description,
        metadata=metadata,
        expires_at=expires_at,
        run_id=run_id,
    )
    posted = settle_alone(booking, at=at)
    assert posted.entry is not None  # noqa: S101 (an award is never skipped)
    return posted.entry


def awarding(
    *,
    member: Member,
    type: EntryType,  # noqa: A002
    points: int,
    key: str,
    at: datetime,
    description: str = "",
    metadata: dict[str, Any] | None = None,
    expires_at: datetime | None = None,
    run_id: UUID | None = None,
) -> Booking:
    """The booking of a bonus, to be settled alone or in a batch."""
    if type not in AWARDS:
        raise ValueError(f"{type} is not a bonus.")
    return Booking(
        Posting(
            member=member,
            type=type,
            points=whole_points(points),
            key=key,
            fingerprint=ledger.fingerprint(type=type, points=points),
            expires_at=expires_at or expiry_of_credit(member.program, at),
            description=description,
            metadata=metadata or {},
            run_id=run_id,
            occurred_at=at,
        ),
        PointsAwarded,
    )


@transaction.atomic(savepoint=False)
def adjust(
    *, member: Member, points: int, reason: str, actor: User | None, key: str | None, at: datetime
) -> LedgerEntry:
    """Correct a balance by signed `points`, never below what is held. No activity, lifetime points untouched.

    `key` makes a form or a retry count once. Raises `InvalidPoints`, `ReasonMissing`, `InsufficientPoints`,
    `KeyReused`.
    """
    if isinstance(points, bool) or not isinstance(points, int) or points == 0 or abs(points) > MOST_POINTS:
        raise InvalidPoints("Points must be a whole number other than 0.")
    if not reason.strip():
        raise ReasonMissing
    booking = Booking(
        Posting(
            member=member,
            type=EntryType.ADMIN_ADJUSTMENT,
            points=points,
            short=Short.REFUSE,
            key=f"adjust:{form_key(key)}:{member.pk}" if key else None,
            fingerprint=ledger.fingerprint(points=points, reason=reason),
            expires_at=expiry_of_credit(member.program, at) if points > 0 else None,
            actor_id=actor.pk if actor else None,
            description=reason.strip(),
            metadata={"kind": "adjustment"},
            occurred_at=at,
        ),
        PointsAdjusted,
    )
    [posted] = settle([booking], at=at)
    assert posted.entry is not None  # noqa: S101 (a correction is posted or refused)
    return posted.entry
