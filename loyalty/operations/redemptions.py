"""Spending points: held when asked for, then spent or released (specs/points.md "Spending and holds")."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from loyalty import ledger
from loyalty.events import (
    PointsRedeemed,
    RedemptionCancelled,
    RedemptionEvent,
    RedemptionFailed,
    RedemptionFulfilled,
    RedemptionRequested,
)
from loyalty.ledger import KeyReused, OrderAlreadyUsed, Posted, Posting, Short
from loyalty.models import EntryType, Member, Program, Redemption, Reward
from loyalty.operations.orders import (
    LONGEST_KEY,
    LONGEST_REFERENCE,
    InvalidReference,
    reference,
    whole_points,
)
from loyalty.operations.points import ProgramInactive
from loyalty.operations.settling import Booking, settle
from loyalty_site import outbox
from loyalty_site.outbox import Event
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Store, User
from loyalty_site.texts import refuse_what_cannot_be_kept

HOLD_EXPIRED = "hold_expired"


class InvalidQuantity(Refusal):
    """A redemption is of one piece at least."""

    code = "invalid_quantity"
    status = 422
    sentence = "The quantity must be at least 1."


class RewardUnavailable(Refusal):
    """The reward is not given, or not any more."""

    code = "reward_unavailable"
    sentence = "This reward is not available."


@transaction.atomic(savepoint=False)
def hold(
    *,
    member: Member,
    points: int,
    at: datetime,
    key: str | None = None,
    quantity: int = 1,
    store: Store | None = None,
    actor: User | None = None,
    order_reference: str = "",
    metadata: dict[str, Any] | None = None,
) -> Redemption:
    """Ask for `points` in all and hold them: they can be neither spent otherwise nor expired. Is activity.

    The same `key` with the same request returns the first redemption. Raises `InvalidPoints`, `InsufficientPoints`,
    `CardInactive`, `ProgramInactive`, `KeyReused`, `OrderAlreadyUsed`.
    """
    redemption = _new(
        member=member,
        points=points,
        at=at,
        key=f"hold:{key}" if key else None,
        quantity=quantity,
        store=store,
        actor=actor,
        order_reference=order_reference,
        metadata=metadata,
    )
    if (first := _insert(redemption)) is not None:
        return first
    posting = Posting(
        member=member,
        type=None,
        held=points,
        short=Short.REFUSE,
        is_activity=True,
        needs_active=True,
        occurred_at=at,
    )
    settle([Booking(posting, None)], at=at, also=lambda posted: [RedemptionRequested.of(redemption, at=at)])
    return redemption


@transaction.atomic(savepoint=False)
def redeem(
    *,
    member: Member,
    store: Store | None,
    order_reference: str,
    at: datetime,
    points: int | None = None,
    reward: Reward | None = None,
    actor: User | None = None,
    metadata: dict[str, Any] | None = None,
) -> Redemption:
    """Spend points, or those a reward costs, in one go, as a till does; one order reference redeems once.

    Is activity. `entry` of the redemption returned is its ledger entry. Raises as `hold`, and `RewardUnavailable`.
    """
    redemption, booking = redeeming(
        member=member,
        store=store,
        points=points,
        reward=reward,
        order_reference=order_reference,
        at=at,
        actor=actor,
        metadata=metadata,
    )

    def written(posted: list[Posted]) -> Iterable[Event]:
        # The ledger knows the key: only the first request comes as far as a redemption.
        if not posted[0].created:
            return []
        redemption.save(force_insert=True)
        return redeemed(redemption, at=at)

    [posted] = settle([booking], at=at, also=written)
    made = redemption
    if not posted.created:
        made = Redemption.objects.select_related("reward").get(merchant_id=member.merchant_id, key=redemption.key)
        made.replayed = True
    made.entry = posted.entry
    return made


def redeeming(
    *,
    member: Member,
    store: Store | None,
    order_reference: str,
    at: datetime,
    points: int | None = None,
    reward: Reward | None = None,
    actor: User | None = None,
    metadata: dict[str, Any] | None = None,
) -> tuple[Redemption, Booking]:
    """A redemption that is fulfilled at once and its booking, to be written and settled alone or in a batch."""
    if reward is not None and not reward.is_active:
        raise RewardUnavailable
    cost = reward.cost_points if reward is not None else points
    assert cost is not None  # noqa: S101 (one of the two is given)
    redemption = _new(
        member=member,
        points=cost,
        reward=reward,
        at=at,
        key=f"redeem:{reference(order_reference)}",
        quantity=1,
        store=store,
        actor=actor,
        order_reference=order_reference,
        metadata=metadata,
        status=Redemption.Status.FULFILLED,
        fulfilled_at=at,
    )
    posting = Posting(
        member=member,
        type=EntryType.REDEEM,
        points=-cost,
        short=Short.REFUSE,
        key=redemption.key,
        fingerprint=bytes(redemption.fingerprint or b""),
        is_activity=True,
        needs_active=True,
        store_id=store.pk if store else None,
        actor_id=actor.pk if actor else None,
        order_reference=order_reference,
        metadata={"redemption_id": str(redemption.pk)} | ({"reward_id": str(reward.pk)} if reward else {}),
        occurred_at=at,
    )
    redemption.entry_id = posting.id
    return redemption, Booking(posting, PointsRedeemed)


def redeemed(redemption: Redemption, *, at: datetime) -> list[Event]:
    """The news of a redemption that was asked for and fulfilled in one go."""
    return [RedemptionRequested.of(redemption, at=at), RedemptionFulfilled.of(redemption, at=at)]


@transaction.atomic(savepoint=False)
def fulfil(
    *,
    redemption: Redemption,
    at: datetime,
    actor: User | None = None,
    description: str = "",
    metadata: dict[str, Any] | None = None,
) -> Redemption:
    """Spend what the redemption holds. One that is not `requested` any more is returned as it is."""
    if not _close(redemption, Redemption.Status.FULFILLED, fulfilled_at=at):
        return redemption
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
        description=description,
        metadata={"redemption_id": str(redemption.pk)} | (metadata or {}),
        occurred_at=at,
    )

    def fulfilled(posted: list[Posted]) -> Iterable[Event]:
        redemption.entry_id = posting.id
        redemption.save(update_fields=["entry_id"])
        return [RedemptionFulfilled.of(redemption, at=at)]

    settle([Booking(posting, PointsRedeemed)], at=at, also=fulfilled)
    return redemption


@transaction.atomic(savepoint=False)
def cancel(*, redemption: Redemption, at: datetime, reason: str = "") -> Redemption:
    """Let go of the held points because they are not wanted any more. One that is closed is returned as it is."""
    reason = _reason(reason)
    if _close(redemption, Redemption.Status.CANCELLED, cancelled_at=at, reason=reason):
        _release([redemption], at=at, news=RedemptionCancelled)
    return redemption


@transaction.atomic(savepoint=False)
def fail(*, redemption: Redemption, at: datetime, reason: str) -> Redemption:
    """Let go of the held points because it could not be fulfilled. One that is closed is returned as it is."""
    reason = _reason(reason)
    if _close(redemption, Redemption.Status.FAILED, failed_at=at, reason=reason):
        _release([redemption], at=at, news=RedemptionFailed)
    return redemption


def release_stale(
    *, programs: Iterable[Program], at: datetime, older_than: timedelta | None = None, chunk: int = 500
) -> Counter[str]:
    """Cancel holds older than their program's `hold_days` (or `older_than`), reason `hold_expired`, chunk by chunk.

    Counts programs, redemptions and points. Several workers share the work; what a customer's own request is closing
    at this moment is left to it.
    """
    counts: Counter[str] = Counter(programs=0, redemptions=0, points=0)
    for program in programs:
        counts["programs"] += 1
        before = at - (older_than if older_than is not None else timedelta(days=program.hold_days))
        while released := _release_stale_chunk(program=program, before=before, at=at, chunk=chunk):
            counts["redemptions"] += len(released)
            counts["points"] += sum(redemption.points_cost for redemption in released)
    return counts


@transaction.atomic(durable=True)
def _release_stale_chunk(*, program: Program, before: datetime, at: datetime, chunk: int) -> list[Redemption]:
    stale = list(
        Redemption.objects.select_related("member")
        .filter(
            member__program=program,
            merchant_id=program.merchant_id,
            status=Redemption.Status.REQUESTED,
            requested_at__lte=before,
        )
        .order_by("pk")
        .select_for_update(skip_locked=True, no_key=True, of=("self",))[:chunk]
    )
    if stale:
        Redemption.objects.filter(pk__in=[redemption.pk for redemption in stale]).update(
            status=Redemption.Status.CANCELLED, cancelled_at=at, reason=HOLD_EXPIRED
        )
        for redemption in stale:
            redemption.status, redemption.cancelled_at = Redemption.Status.CANCELLED, at
            redemption.reason = HOLD_EXPIRED
        _release(stale, at=at, news=RedemptionCancelled)
    return stale


def _release(redemptions: list[Redemption], *, at: datetime, news: type[RedemptionEvent]) -> None:
    held = Counter({redemption.member: 0 for redemption in redemptions})
    for redemption in redemptions:
        held[redemption.member] += redemption.points_cost
    ledger.post([Posting(member=member, type=None, held=-points) for member, points in held.items()], at=at)
    outbox.publish_many(news.of(redemption, at=at) for redemption in redemptions)


def _new(
    *,
    member: Member,
    points: int,
    at: datetime,
    key: str | None,
    quantity: int,
    store: Store | None,
    actor: User | None,
    order_reference: str,
    metadata: dict[str, Any] | None,
    status: Redemption.Status = Redemption.Status.REQUESTED,
    fulfilled_at: datetime | None = None,
    reward: Reward | None = None,
) -> Redemption:
    if not member.program.is_active:
        raise ProgramInactive
    if quantity < 1:
        raise InvalidQuantity
    refuse_what_cannot_be_kept(key, order_reference, metadata)
    if len(key or "") > LONGEST_KEY or len(order_reference) > LONGEST_REFERENCE:
        raise InvalidReference
    # What was asked for: a reward's price may have changed when the till asks again.
    asked: dict[str, Any] = {"reward": reward.pk} if reward is not None else {"points": points}
    return Redemption(
        merchant_id=member.merchant_id,
        member=member,
        reward=reward,
        store=store,
        actor=actor,
        key=key,
        fingerprint=ledger.fingerprint(
            **asked, quantity=quantity, store=store.pk if store else None, order=order_reference
        ),
        status=status,
        points_cost=whole_points(points),
        quantity=quantity,
        order_reference=order_reference,
        requested_at=at,
        fulfilled_at=fulfilled_at,
        metadata=metadata or {},
    )


def _reason(reason: str) -> str:
    """The reason as its column takes it: what is longer than anybody reads is cut."""
    refuse_what_cannot_be_kept(reason)
    return reason.strip()[:500]


def _insert(redemption: Redemption) -> Redemption | None:
    """Insert it; where its key stands already, return the first one instead, if it was the same request."""
    if redemption.key is None:
        redemption.save(force_insert=True)
        return None
    if insert_new([redemption]):
        return None
    first = Redemption.objects.select_related("reward").get(merchant_id=redemption.merchant_id, key=redemption.key)
    return same_request(first, redemption)


def insert_new(redemptions: list[Redemption]) -> set[UUID]:
    """Insert those whose keys are new, in one statement; returns their ids."""
    fields = Redemption._meta.concrete_fields
    values = [
        field.get_db_prep_save(field.pre_save(redemption, add=True), connection)
        for redemption in redemptions
        for field in fields
    ]
    row = f"({', '.join(['%s'] * len(fields))})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Redemption._meta.db_table} ({', '.join(str(field.column) for field in fields)}) "
            f"VALUES {', '.join([row] * len(redemptions))} "
            "ON CONFLICT (merchant_id, key) WHERE key IS NOT NULL DO NOTHING RETURNING id",
            values,
        )
        inserted = {pk for (pk,) in cursor.fetchall()}
    for redemption in redemptions:
        if redemption.pk in inserted:
            redemption._state.adding, redemption._state.db = False, "default"
    return inserted


def same_request(first: Redemption, again: Redemption) -> Redemption:
    """`first`, marked as replayed, if `again` asks for the same. Raises `OrderAlreadyUsed`, `KeyReused`."""
    if first.member_id != again.member_id:
        raise OrderAlreadyUsed
    if bytes(first.fingerprint or b"") != again.fingerprint:
        raise KeyReused
    first.replayed = True
    return first


def _close(redemption: Redemption, status: Redemption.Status, **changes: Any) -> bool:
    """Move it from `requested` to `status`, locking its row; False, and refreshed, where it was closed before."""
    open_one = Redemption.objects.filter(pk=redemption.pk, status=Redemption.Status.REQUESTED)
    closed = open_one.update(status=status, **changes)
    redemption.refresh_from_db(fields=["status", "fulfilled_at", "failed_at", "cancelled_at", "reason", "entry_id"])
    return bool(closed)
