"""Deciding on rewards that are held, or were credited (specs/referrals.md "Review")."""

from collections import Counter
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q

from loyalty.ledger import CardInactive
from loyalty.models import Member
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import User
from loyalty_site.texts import refuse_what_cannot_be_kept
from referrals.models import DeadlinePolicy, Invite, ReferralReview
from referrals.operations import rewarding
from referrals.operations.refusals import ReasonMissing, ReviewDecided
from referrals.operations.settling import members_of
from referrals.operations.writing import update_alongside

log = structlog.get_logger("referrals.reviews")

State = Invite.RewardState
Status = ReferralReview.Status
DEADLINE = "deadline"
PAY, REJECT = DeadlinePolicy.PAY, DeadlinePolicy.REJECT


@transaction.atomic(savepoint=False)
def approve(*, review_id: UUID, reason: str, actor: User | None, at: datetime) -> ReferralReview:
    """Credit both sides of a conversion that was held. Approved before, it is returned as it is.

    Raises `ReasonMissing`, `ReviewDecided` where it was rejected, `CardInactive`, `NotFound`.
    """
    invite, review = _locked(review_id)
    if review.status == Status.APPROVED:
        return review
    if review.status == Status.REJECTED or invite.reward_state != State.REVIEW:
        raise ReviewDecided
    reason = _reason(reason)
    members = members_of([invite])
    if not all(member.is_active for member in members.values()):
        raise CardInactive("One of the two cards is not active.")
    rewarding.credit([_sides(invite, members)], at=at)
    update_alongside(invite, *rewarding.CHANGED)
    return _decided(review, Status.APPROVED, reason, actor, at)


@transaction.atomic(savepoint=False)
def reject(*, review_id: UUID, reason: str, actor: User | None, at: datetime) -> ReferralReview:
    """Give nothing for a conversion; what was credited already is taken back. Twice is once.

    Raises `ReasonMissing`, `NotFound`.
    """
    invite, review = _locked(review_id)
    if review.status == Status.REJECTED:
        return review
    reason = _reason(reason)
    _undo(invite, reason, actor, at)
    return _decided(review, Status.REJECTED, reason, actor, at)


@transaction.atomic(savepoint=False)
def reject_conversion(*, invite_id: UUID, reason: str, actor: User | None, at: datetime) -> ReferralReview:
    """Reject a conversion that nobody was asked about, credited or pending; its review is made with the decision."""
    invite = Invite.objects.select_for_update(no_key=True).filter(pk=invite_id).first()
    if invite is None or invite.completed_at is None:
        raise NotFound
    review = ReferralReview.objects.select_for_update(no_key=True).filter(invite=invite).first()
    if review is not None and review.status == Status.REJECTED:
        return review
    reason = _reason(reason)
    if review is None:
        review = ReferralReview(merchant_id=invite.merchant_id, invite=invite, created_at=at, due_at=at)
    _undo(invite, reason, actor, at)
    return _decided(review, Status.REJECTED, reason, actor, at)


def close_overdue(*, at: datetime) -> Counter[str]:
    """Decide open reviews past their deadline, as each program says. Counts approved, rejected and held.

    What fails in one is raised when the others have had their turn.
    """
    counts: Counter[str] = Counter(approved=0, rejected=0, held=0)
    failures: list[Exception] = []
    overdue = ReferralReview.objects.filter(status=Status.OPEN, due_at__lte=at).order_by("due_at", "pk")
    decided = Q(invite__referrer__program__referral_settings__deadline_policy__in=(PAY, REJECT))
    # Those that stay held are many after years, and nothing is done to them.
    counts["held"] = overdue.exclude(decided).count()
    policies = overdue.filter(decided).values_list(
        "pk", "invite__referrer__program__referral_settings__deadline_policy"
    )
    for review_id, policy in list(policies):
        try:
            counts[_close(review_id, policy, at)] += 1
        except ReviewDecided:
            # Somebody was faster.
            continue
        except Exception as error:
            error.add_note(f"review {review_id}")
            failures.append(error)
    if failures:
        raise ExceptionGroup("Some reviews could not be closed", failures)
    return counts


@transaction.atomic(durable=True)
def _close(review_id: UUID, policy: str, at: datetime) -> str:
    invite, review = _locked(review_id)
    if review.status != Status.OPEN:
        raise ReviewDecided
    reason = DEADLINE
    if invite.reward_state != State.REVIEW:
        # The order came back in the very moment in which it was held.
        reason = invite.reason or reason
    elif policy == PAY:
        members = members_of([invite])
        if all(member.is_active for member in members.values()):
            rewarding.credit([_sides(invite, members)], at=at)
            update_alongside(invite, *rewarding.CHANGED)
            _decided(review, Status.APPROVED, reason, None, at)
            return "approved"
        reason = "card_inactive"
    _undo(invite, reason, None, at)
    _decided(review, Status.REJECTED, reason, None, at)
    return "rejected"


def _sides(invite: Invite, members: dict[UUID, Member]) -> tuple[Invite, Member, Member]:
    return invite, members[invite.referrer_id], members[invite.invitee_id]  # type: ignore[index]


def _locked(review_id: UUID) -> tuple[Invite, ReferralReview]:
    """The review and its invite, the invite locked first."""
    invite = Invite.objects.select_for_update(no_key=True, of=("self",)).filter(review=review_id).first()
    if invite is None:
        raise NotFound
    return invite, ReferralReview.objects.select_for_update(no_key=True).get(pk=review_id)


def _undo(invite: Invite, reason: str, actor: User | None, at: datetime) -> None:
    if invite.reward_state in (State.PAID, State.REVERSING):
        rewarding.take_back([invite], reason=reason, actor=actor, at=at)
    elif invite.reward_state in (State.PENDING, State.REVIEW):
        rewarding.drop(invite=invite, reason=reason, at=at)
    update_alongside(invite, *rewarding.CHANGED)


def _decided(review: ReferralReview, status: str, reason: str, actor: User | None, at: datetime) -> ReferralReview:
    review.status, review.reason, review.decided_by, review.decided_at = status, reason, actor, at
    review.save()
    log.info(
        "decided",
        merchant=str(review.merchant_id),
        review=str(review.pk),
        status=str(status),
        by=actor and str(actor.pk),
    )
    return review


def _reason(text: str) -> str:
    refuse_what_cannot_be_kept(text)
    reason = text.strip()
    if not reason or len(reason) > 500:
        raise ReasonMissing("Give the reason, in at most 500 characters.")
    return reason
