"""Crediting both sides of a conversion in one batch, holding it for review, and taking it back."""

from collections import Counter
from collections.abc import Sequence
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
    review = weigh(invite=invite, referrer=referrer, invitee=invitee, evidence=evidence, at=at)
    if review is not None:
        outbox.insert_alongside(review)
    else:
        credit([(invite, referrer, invitee)], at=at, qualifying=evidence.qualifying)


def weigh(
    *, invite: Invite, referrer: Member, invitee: Member, evidence: Evidence, at: datetime
) -> ReferralReview | None:
    """Note what speaks against the conversion; from the program's line on hold the reward, and return its review.

    The caller writes both.
    """
    invite.signals = signals.found(referrer=referrer, invitee=invitee, evidence=evidence)
    invite.risk_score = signals.risk(invite.signals)
    if invite.risk_score < evidence.rules.review_line:
        return None
    invite.reward_state, invite.updated_at = State.REVIEW, at
    log.info("held_for_review", merchant=str(invite.merchant_id), invite=str(invite.pk), risk=invite.risk_score)
    return ReferralReview(
        merchant_id=invite.merchant_id,
        invite=invite,
        created_at=at,
        due_at=at + timedelta(days=evidence.rules.review_days),
    )


def credit(
    conversions: Sequence[tuple[Invite, Member, Member]], *, at: datetime, qualifying: dict[Any, int] | None = None
) -> None:
    """Credit both sides of each (invite, inviter, invitee) in one batch, under keys that give once.

    The caller writes the invites.
    """
    bookings = [
        points.awarding(
            member=member,
            type=EntryType.REFERRAL_BONUS,
            points=amount,
            key=_key(invite, side),
            at=at,
            metadata={"referral_code": invite.code, "invite_id": str(invite.pk), "side": side},
        )
        for invite, referrer, invitee in conversions
        for member, amount, side in (
            (referrer, invite.reward_points, "referrer"),
            (invitee, invite.invitee_points, "invitee"),
        )
        if amount
    ]
    for invite, _, _ in conversions:
        invite.reward_state, invite.paid_at, invite.updated_at = State.PAID, at, at
    _settle(bookings, [InviteConverted.of(invite, at=at) for invite, _, _ in conversions], at, qualifying)
    for invite, _, _ in conversions:
        log.info("converted", merchant=str(invite.merchant_id), invite=str(invite.pk), points=invite.reward_points)


def take_back(invites: Sequence[Invite], *, reason: str = "", actor: User | None = None, at: datetime) -> int:
    """Answer the credits of these invites by compensating entries, as far as the points are there, in one batch.

    Without a `reason` each keeps its own. What is missing stands in the entries as the shortfall and is not owed.
    Returns it, in points, of all sides together. The caller writes the invites.
    """
    for invite in invites:
        invite.reward_state, invite.status, invite.updated_at = State.REVERSED, Invite.Status.CANCELLED, at
        invite.reason = reason or invite.reason
    of = {(invite.merchant_id, _key(invite, side)): invite for invite in invites for side in ("referrer", "invitee")}
    credited = LedgerEntry.objects.select_related("member__program", "member__tier").filter(
        merchant_id__in={merchant for merchant, _ in of}, key__in=[key for _, key in of]
    )
    bookings = [
        _reversal(entry, its, actor, at)
        for entry in credited.order_by("member_id", "number")
        if (its := of.get((entry.merchant_id, entry.key or ""))) is not None
    ]
    posted = _settle(bookings, [RewardReversed.of(invite, at=at) for invite in invites], at)
    missing: Counter[str] = Counter()
    for one in posted:
        if one.entry is not None:
            missing[one.entry.metadata["invite_id"]] += one.entry.shortfall
    for invite in invites:
        short = missing[str(invite.pk)]
        log.info("reversed", merchant=str(invite.merchant_id), invite=str(invite.pk), shortfall=short)
    return missing.total()


def _reversal(entry: LedgerEntry, invite: Invite, actor: User | None, at: datetime) -> Booking:
    return Booking(
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
            description=invite.reason,
            metadata={"kind": "referral_reversal", "referral_code": invite.code, "invite_id": str(invite.pk)},
            occurred_at=at,
        ),
        EntryUndone,
    )


def _settle(
    bookings: list[Booking], news: list[Event], at: datetime, qualifying: dict[Any, int] | None = None
) -> list[Posted]:
    """Post the bookings with the news of their invites; where nothing is to be posted, the news alone."""
    if bookings:
        return settle(bookings, at=at, also=lambda _: news, qualifying=qualifying)
    outbox.publish_many(news)
    return []


def drop(*, invite: Invite, reason: str, at: datetime) -> None:
    """Let the reward be nobody's, before it was credited; the caller writes the invite."""
    invite.reward_state, invite.status = State.DROPPED, Invite.Status.CANCELLED
    invite.reason, invite.updated_at = reason, at


def _key(invite: Invite, side: str) -> str:
    return f"referral:{invite.pk}:{side}"
