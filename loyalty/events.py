"""The news this app publishes. Plain values only; points and stamps are whole numbers, money is decimal text."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from loyalty.ledger import Posted
from loyalty.models import Member, Redemption, Reward
from loyalty_site.outbox import Event


@dataclass(frozen=True, kw_only=True)
class MemberEvent(Event):
    """News of one member."""

    member_id: UUID

    @classmethod
    def about(cls, member: Member, *, at: datetime, **facts: Any) -> Self:
        return cls(merchant_id=member.merchant_id, member_id=member.pk, occurred_at=at, **facts)


@dataclass(frozen=True, kw_only=True)
class EntryEvent(MemberEvent):
    """News of one ledger entry: what moved, and the balance after it."""

    entry_id: UUID
    type: str
    points: int
    points_balance: int
    stamps: int
    stamp_count: int
    requested: int | None
    store_id: UUID | None
    order_reference: str
    run_id: UUID | None
    answers_id: UUID | None

    # The same facts as `of` gives, as columns of loyalty_ledger_entries e: for `outbox.publish_query`.
    COLUMNS: ClassVar[str] = """
        e.merchant_id, e.member_id, e.occurred_at, e.id AS entry_id, e.type, e.points_delta AS points,
        e.points_balance_after AS points_balance, e.stamps_delta AS stamps, e.stamps_balance_after AS stamp_count,
        e.requested, e.store_id, e.order_reference, e.run_id, e.answers_id"""

    @classmethod
    def of(cls, posted: Posted) -> Self:
        """The event of a posting that wrote an entry."""
        entry = posted.entry
        assert entry is not None  # noqa: S101 (only what was created is announced)
        return cls(
            merchant_id=entry.merchant_id,
            member_id=entry.member_id,
            occurred_at=entry.occurred_at,
            entry_id=entry.pk,
            type=str(entry.type),
            points=entry.points_delta,
            points_balance=entry.points_balance_after,
            stamps=entry.stamps_delta,
            stamp_count=entry.stamps_balance_after,
            requested=entry.requested,
            store_id=entry.store_id,
            order_reference=entry.order_reference,
            run_id=entry.run_id,
            answers_id=entry.answers_id,
        )


class PointsEarned(EntryEvent):
    kind = "loyalty.points_earned"


class PointsAwarded(EntryEvent):
    kind = "loyalty.points_awarded"


class WelcomeBonusCredited(EntryEvent):
    kind = "loyalty.welcome_bonus_credited"


class PointsRefunded(EntryEvent):
    kind = "loyalty.points_refunded"


class EntryUndone(EntryEvent):
    kind = "loyalty.entry_undone"


class PointsRedeemed(EntryEvent):
    kind = "loyalty.points_redeemed"


class PointsAdjusted(EntryEvent):
    kind = "loyalty.points_adjusted"


class PointsRestored(EntryEvent):
    kind = "loyalty.points_restored"


class PointsExpired(EntryEvent):
    kind = "loyalty.points_expired"


class StampEarned(EntryEvent):
    kind = "loyalty.stamp_earned"


class StampsRedeemed(EntryEvent):
    kind = "loyalty.stamps_redeemed"


class StampVoided(EntryEvent):
    kind = "loyalty.stamp_voided"


@dataclass(frozen=True, kw_only=True)
class RewardReady(MemberEvent):
    """The stamp count reached a multiple of the target."""

    kind = "loyalty.reward_ready"

    entry_id: UUID
    stamps: int
    stamps_target: int


@dataclass(frozen=True, kw_only=True)
class PointsExpiring(MemberEvent):
    """A warning. `expiration_date` is the member's local date of the run that will take the soonest of the points."""

    kind = "loyalty.points_expiring"

    policy: str
    points: int
    expires_at: datetime
    expiration_date: date
    days_remaining: int
    lots: list[dict[str, Any]]
    run_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class MemberEnrolled(MemberEvent):
    kind = "loyalty.member_enrolled"

    card_number: str
    store_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class TierUpgraded(MemberEvent):
    kind = "loyalty.tier_upgraded"

    from_tier: str | None
    to_tier: str
    qualifying_points: int


@dataclass(frozen=True, kw_only=True)
class TierDowngradeWarned(MemberEvent):
    """The points for the tier are missing: from `downgrade_at` on it may be lowered to `to_tier` (None: to no tier).

    Once for each time the member falls below; a member who comes back up in time keeps the tier.
    """

    kind = "loyalty.tier_downgrade_warned"

    from_tier: str
    to_tier: str | None
    qualifying_points: int
    downgrade_at: datetime
    run_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class TierDowngraded(MemberEvent):
    kind = "loyalty.tier_downgraded"

    from_tier: str
    to_tier: str | None
    qualifying_points: int
    run_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class CardReplaced(MemberEvent):
    kind = "loyalty.card_replaced"

    card_number: str


class MemberDeactivated(MemberEvent):
    kind = "loyalty.member_deactivated"


class MemberReactivated(MemberEvent):
    kind = "loyalty.member_reactivated"


class MemberAnonymized(MemberEvent):
    kind = "loyalty.member_anonymized"


@dataclass(frozen=True, kw_only=True)
class RedemptionEvent(MemberEvent):
    """News of one redemption."""

    redemption_id: UUID
    status: str
    points: int
    quantity: int
    order_reference: str
    entry_id: UUID | None
    reward_id: UUID | None = None
    reason: str = ""

    @classmethod
    def of(cls, redemption: Redemption, *, at: datetime, **facts: Any) -> Self:
        return cls(
            merchant_id=redemption.merchant_id,
            member_id=redemption.member_id,
            occurred_at=at,
            redemption_id=redemption.pk,
            status=str(redemption.status),
            points=redemption.points_cost,
            quantity=redemption.quantity,
            order_reference=redemption.order_reference,
            entry_id=redemption.entry_id,
            reward_id=redemption.reward_id,
            reason=redemption.reason,
            **facts,
        )


class RedemptionRequested(RedemptionEvent):
    kind = "loyalty.redemption_requested"


@dataclass(frozen=True, kw_only=True)
class RedemptionFulfilled(RedemptionEvent):
    """`codes` are those of the reward's pool that the member has now, one a unit."""

    kind = "loyalty.redemption_fulfilled"

    codes: list[str] = field(default_factory=list)


class RedemptionFailed(RedemptionEvent):
    kind = "loyalty.redemption_failed"


class RedemptionCancelled(RedemptionEvent):
    kind = "loyalty.redemption_cancelled"


@dataclass(frozen=True, kw_only=True)
class RewardEvent(Event):
    """News of one reward, for whoever looks after the catalogue."""

    reward_id: UUID
    reward_slug: str
    reward_name: str

    @classmethod
    def about(cls, reward: Reward, *, merchant_id: UUID, at: datetime, **facts: Any) -> Self:
        return cls(
            merchant_id=merchant_id,
            occurred_at=at,
            reward_id=reward.pk,
            reward_slug=reward.slug,
            reward_name=reward.name,
            **facts,
        )


class RewardSoldOut(RewardEvent):
    """The last unit of its stock was asked for."""

    kind = "loyalty.reward_sold_out"


@dataclass(frozen=True, kw_only=True)
class RewardCodesLow(RewardEvent):
    """Few codes are left in its pool, or none."""

    kind = "loyalty.reward_codes_low"

    codes_left: int


@dataclass(frozen=True, kw_only=True)
class RunUndone(Event):
    """A run's entries were answered; `points` is the net movement over all members."""

    kind = "loyalty.run_undone"

    run_id: UUID
    undo_run_id: UUID
    members: int
    points: int
