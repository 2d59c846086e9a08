"""The news this app publishes. Plain values only; points are whole numbers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from loyalty_site.outbox import Event
from referrals.models import Invite


@dataclass(frozen=True, kw_only=True)
class InviteCreated(Event):
    """A member invited somebody. `invitee_email` is None where the member sends the link themselves."""

    kind = "referrals.invite_created"

    member_id: UUID
    invite_id: UUID
    code: str
    share_url: str
    invitee_email: str | None
    reward_points: int
    invitee_points: int
    expires_at: datetime
    store_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class ConversionEvent(Event):
    """News of the rewards of a conversion; `member_id` is who invited."""

    member_id: UUID
    invitee_member_id: UUID
    invite_id: UUID
    code: str
    reward_points: int
    invitee_points: int

    @classmethod
    def of(cls, invite: Invite, *, at: datetime) -> Self:
        assert invite.invitee_id is not None  # noqa: S101 (a constraint sees to it)
        return cls(
            merchant_id=invite.merchant_id,
            member_id=invite.referrer_id,
            occurred_at=at,
            invitee_member_id=invite.invitee_id,
            invite_id=invite.pk,
            code=invite.code,
            reward_points=invite.reward_points,
            invitee_points=invite.invitee_points,
        )


class InviteConverted(ConversionEvent):
    """Somebody became a customer by an invite, and both sides were credited."""

    kind = "referrals.invite_converted"


class RewardReversed(ConversionEvent):
    """What both sides had been credited was taken back, as far as it was there."""

    kind = "referrals.reward_reversed"
