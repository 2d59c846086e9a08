"""When somebody who was invited becomes a customer (specs/referrals.md "Conversion")."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from loyalty.ledger import CardInactive
from loyalty.models import Member
from loyalty.operations.orders import money, reference
from loyalty.operations.points import ProgramInactive
from loyalty_site import outbox
from loyalty_site.tenants.models import Merchant
from referrals import sameness
from referrals.models import ConvertsOn, Invite, ReferralSettings
from referrals.operations import devices, finding, rewarding
from referrals.operations.devices import Footprint
from referrals.operations.finding import Named
from referrals.operations.refusals import (
    AlreadyReferred,
    InviteCancelled,
    InviteExpired,
    InviteTaken,
    MemberBefore,
    OrderTooSmall,
    OwnCode,
    SamePerson,
)
from referrals.operations.writing import update_alongside
from referrals.queries import evidence
from referrals.queries.evidence import Evidence

log = structlog.get_logger("referrals.conversions")

State = Invite.RewardState


@transaction.atomic(savepoint=False)
def complete(
    *,
    merchant: Merchant,
    code: str,
    at: datetime,
    invitee_user_id: UUID | None = None,
    invitee: Member | None = None,
    order_reference: str = "",
    order_amount: Decimal | None = None,
    footprint: Footprint | None = None,
    row: Any = ...,
) -> Invite:
    """Convert the invite, or the member's own code, for this invitee, and credit both sides; again: unchanged.

    The invitee is known by the storefront's id or as a member. A conversion that looks like trickery is held for
    review instead of credited. `row` is what `finding.reading` gave, where the door has read it with its key.
    Raises `UnknownCode`, `NotFound`, `InviteCancelled`, `InviteExpired`, `InviteTaken`, `OwnCode`, `SamePerson`,
    `AlreadyReferred`, `MemberBefore`, `OrderTooSmall`, `CardInactive`, `ProgramInactive`, `InvalidAmount`,
    `InvalidReference`.
    """
    who = _who(invitee_user_id, invitee)
    amount = money(order_amount) if order_amount is not None else None
    if order_reference:
        reference(order_reference)
    referrer, member, invite, found = _looked_at(merchant, code, who, at, row, order_reference)
    if footprint is not None:
        devices.note(member=member, footprint=footprint, at=at)
    if invite is not None and invite.completed_at is not None:
        invite.replayed = True
        return invite
    rules = found.rules
    if amount is not None and rules.converts_on == ConvertsOn.FIRST_ORDER and amount < rules.minimum_order:
        raise OrderTooSmall(f"The order must be of {rules.minimum_order} at least.")
    fresh = invite is None
    if invite is None:
        invite = _standing(referrer, finding.normalized(code), rules, at)
    invite.invitee, invite.attached_at = member, invite.attached_at or at
    invite.status, invite.completed_at, invite.payable_at = Invite.Status.CONVERTED, at, at
    invite.order_reference, invite.order_amount = order_reference, amount
    invite.order_entry_id = found.order_entry_id
    if footprint is not None:
        # What was noted a moment ago counts as well.
        found = evidence.gather(referrer=referrer, invitee=member, invite_id=invite.pk, at=at)
    rewarding.judge(invite=invite, referrer=referrer, invitee=member, evidence=found, at=at)
    _write(invite, fresh)
    return invite


@transaction.atomic(savepoint=False)
def attach(*, code: str, member: Member, at: datetime, footprint: Footprint | None = None) -> Invite:
    """Remember with whose code the member came: for the page on which somebody joins, after they are enrolled.

    Where the program converts on enrolment this converts, and credits, at once; else the first order will. Raises as
    `complete`; the same code again returns the same invite.
    """
    referrer, member, invite, found = _looked_at(member.merchant_id, code, {"member_id": member.pk}, at, ...)
    if footprint is not None:
        devices.note(member=member, footprint=footprint, at=at)
        found = evidence.gather(
            referrer=referrer, invitee=member, invite_id=invite.pk if invite else UUID(int=0), at=at
        )
    if invite is not None and invite.invitee_id == member.pk:
        invite.replayed = True
        return invite
    fresh = invite is None
    if invite is None:
        invite = _standing(referrer, finding.normalized(code), found.rules, at)
    # It has reached somebody, by whatever way.
    invite.status = Invite.Status.SENT
    invite.invitee, invite.attached_at, invite.updated_at = member, at, at
    if found.rules.converts_on == ConvertsOn.ENROLLMENT and member.enrolled_at is not None:
        invite.status, invite.completed_at, invite.payable_at = Invite.Status.CONVERTED, at, at
        rewarding.judge(invite=invite, referrer=referrer, invitee=member, evidence=found, at=at)
    _write(invite, fresh)
    log.info("attached", merchant=str(invite.merchant_id), invite=str(invite.pk), member=str(member.pk))
    return invite


def _who(user_id: UUID | None, member: Member | None) -> dict[str, UUID]:
    if user_id is not None:
        return {"user_id": user_id}
    if member is None:
        raise TypeError("Say who was invited.")
    return {"member_id": member.pk}


def _looked_at(
    merchant: Merchant | UUID, code: str, who: dict[str, UUID], at: datetime, row: Any, order_reference: str = ""
) -> tuple[Member, Member, Invite | None, Evidence]:
    """Inviter, invitee, the invite there is (None: it will be made), and the evidence; invite and members locked."""
    merchant_id = merchant.pk if isinstance(merchant, Merchant) else merchant
    if row is ...:
        with connection.cursor() as cursor:
            cursor.execute(*finding.reading(merchant_id, code, **who))
            row = cursor.fetchone()
    named = finding.named(row)
    referrer, invitee = finding.both(merchant_id, named.referrer_id, **who)
    if invitee is referrer:
        raise OwnCode
    invite_id = named.invite.pk if named.invite is not None else UUID(int=0)
    found = evidence.gather(
        referrer=referrer, invitee=invitee, invite_id=invite_id, order_reference=order_reference, at=at
    )
    invite = named.invite
    if invite is None and found.known is not None and found.known.code == named.code:
        # Made at this moment by another request, which has committed since.
        invite = found.known
    if invite is not None and invite.completed_at is not None and invite.invitee_id == invitee.pk:
        if invite.status != Invite.Status.CONVERTED:
            raise InviteCancelled
        invite.referrer = referrer
        return referrer, invitee, invite, found
    _refuse(named, invite, referrer, invitee, found, at)
    if invite is not None:
        invite.referrer = referrer
    return referrer, invitee, invite, found


def _refuse(
    named: Named, invite: Invite | None, referrer: Member, invitee: Member, found: Evidence, at: datetime
) -> None:
    """Raise what speaks against the conversion, if anything does."""
    if invite is not None:
        if invite.status == Invite.Status.CANCELLED:
            raise InviteCancelled
        if invite.invitee_id not in (None, invitee.pk):
            raise InviteTaken
        if invite.status == Invite.Status.EXPIRED or not invite.is_open(at):
            raise InviteExpired
    if found.known is not None and (invite is None or found.known.pk != invite.pk):
        raise AlreadyReferred
    if not referrer.program.is_active or not invitee.program.is_active:
        raise ProgramInactive
    if not referrer.is_active or not invitee.is_active:
        raise CardInactive
    ours, theirs = referrer.customer, invitee.customer
    if sameness.are_same(ours.email, theirs.email) or (
        ours.phone_number and str(ours.phone_number) == str(theirs.phone_number)
    ):
        raise SamePerson
    if invite is not None:
        since = invite.created_at
    else:
        # A member's own code invites for as long as an invite would have, and not before there was a member.
        since = at - timedelta(days=found.rules.open_days)
        since = max(since, referrer.enrolled_at or since)
    if invitee.enrolled_at is not None and invitee.enrolled_at < since:
        raise MemberBefore


def _standing(referrer: Member, code: str, rules: ReferralSettings, at: datetime) -> Invite:
    """The row of somebody who came with a member's own code."""
    return Invite(
        merchant_id=referrer.merchant_id,
        referrer=referrer,
        code=code,
        is_standing=True,
        reward_points=rules.reward_points,
        invitee_points=rules.invitee_points,
        created_at=at,
        updated_at=at,
        expires_at=at + timedelta(days=rules.open_days),
    )


def _write(invite: Invite, fresh: bool) -> None:
    if fresh:
        outbox.insert_alongside(invite)
        return
    update_alongside(
        invite, "invitee", "attached_at", "completed_at", "payable_at", "order_reference", "order_amount",
        "order_entry_id", *rewarding.CHANGED,
    )  # fmt: skip
