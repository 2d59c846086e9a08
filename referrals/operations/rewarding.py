"""Crediting both sides of a conversion in one batch, holding it for review, and taking it back."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog

from loyalty import ledger
from loyalty.events import EntryUndone
from loyalty.ledger import Posted, Posting, Short
from loyalty.models import EntryType, LedgerEntry, Member
from loyalty.operations import points
from loyalty.operations.settling import Booking, settle
from loyalty_site import outbox
from loyalty_site.outbox import Event
from loyalty_site.tenants.models import User
from referrals.events import InviteConverted, RewardReversed
from referrals.models import Invite, ReferralReview
from referrals.operations import signals
from referrals.queries.evidence import Evidence

log = structlog.get_logger("referrals.conversions")

State = Invite.RewardState
# The fields of an invite that its rewarding changes.
CHANGED = ("reward_state", "paid_at", "signals", "risk_score", "reason", "status", "updated_at")


def judge(*, invite: Invite, referrer: Member, invitee: Member, evidence: Evidence, at: datetime) -> None:
    """Credit both sides, or hold the reward for a person to decide; the caller writes the invite."""
    invite.signals = signals.found(referrer=referrer, invitee=invitee, evidence=evidence)
    invite.risk_score = signals.risk(invite.signals)
    if invite.risk_score >= evidence.rules.review_line:
        invite.reward_state, invite.updated_at = State.REVIEW, at
        outbox.insert_alongside(
            ReferralReview(
                merchant_id=invite.merchant_id,
                invite=invite,
                created_at=at,
                due_at=at + timedelta(days=evidence.rules.review_days),
            )
        )
        log.info("held_for_review", merchant=str(invite.merchant_id), invite=str(invite.pk), risk=invite.risk_score)
        return
    credit(invite=invite, referrer=referrer, invitee=invitee, at=at, qualifying=evidence.qualifying)


def credit(
    *, invite: Invite, referrer: Member, invitee: Member, at: datetime, qualifying: dict[Any, int] | None = None
) -> None:
    """Credit both sides in one batch, under keys that give once; the caller writes the invite."""
    bookings = [
        points.awarding(
            member=member,
            type=EntryType.REFERRAL_BONUS,
            points=amount,
            key=key,
            at=at,
            metadata={"referral_code": invite.code, "invite_id": str(invite.pk), "side": side},
        )
        for member, amount, key, side in (
            (referrer, invite.reward_points, _key(invite, "referrer"), "referrer"),
            (invitee, invite.invitee_points, _key(invite, "invitee"), "invitee"),
        )
        if amount
    ]
    invite.reward_state, invite.paid_at, invite.updated_at = State.PAID, at, at

    def converted(posted: list[Posted]) -> Iterable[Event]:
        return [InviteConverted.of(invite, at=at)]

    if bookings:
        settle(bookings, at=at, also=converted, qualifying=qualifying)
    else:
        outbox.publish_many(converted([]))
    log.info("converted", merchant=str(invite.merchant_id), invite=str(invite.pk), points=invite.reward_points)


def take_back(*, invite: Invite, reason: str, actor: User | None, at: datetime) -> int:
    """Answer both credits by compensating entries, as far as the points are there; the caller writes the invite.

    What is missing stands in the entries as the shortfall and is not owed. Returns it, in points, of both sides.
    """
    keys = [_key(invite, side) for side in ("referrer", "invitee")]
    credited = LedgerEntry.objects.select_related("member__program", "member__tier").filter(
        merchant_id=invite.merchant_id, key__in=keys
    )
    bookings = [
        Booking(
            Posting(
                member=entry.member,
                type=EntryType.UNDO,
                points=-entry.points_delta,
                short=Short.CLAMP,
                key=f"referral-reversal:{entry.pk}",
                fingerprint=ledger.fingerprint(reverses=str(entry.pk)),
                moves_lifetime=True,
                answers_id=entry.pk,
                actor_id=actor.pk if actor is not None else None,
                description=reason,
                metadata={"kind": "referral_reversal", "referral_code": invite.code, "invite_id": str(invite.pk)},
                occurred_at=at,
            ),
            EntryUndone,
        )
        for entry in credited.order_by("member_id")
    ]
    invite.reward_state, invite.status, invite.updated_at = State.REVERSED, Invite.Status.CANCELLED, at
    invite.reason = reason
    news = [RewardReversed.of(invite, at=at)]
    missing = 0
    if bookings:
        posted = settle(bookings, at=at, also=lambda _: news)
        missing = sum(one.entry.shortfall for one in posted if one.entry is not None)
    else:
        outbox.publish_many(news)
    log.info("reversed", merchant=str(invite.merchant_id), invite=str(invite.pk), shortfall=missing)
    return missing


def drop(*, invite: Invite, reason: str, at: datetime) -> None:
    """Let the reward be nobody's, before it was credited; the caller writes the invite."""
    invite.reward_state, invite.status = State.DROPPED, Invite.Status.CANCELLED
    invite.reason, invite.updated_at = reason, at


def _key(invite: Invite, side: str) -> str:
    return f"referral:{invite.pk}:{side}"
