"""Inviting somebody, and thinking better of it (specs/referrals.md "Invites")."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from loyalty import links
from loyalty.cards import new_code
from loyalty.ledger import CardInactive
from loyalty.models import Member
from loyalty.operations.orders import whole_points
from loyalty.operations.points import ProgramInactive, lock
from loyalty_site import outbox
from loyalty_site.refusals import NotFound
from loyalty_site.texts import refuse_what_cannot_be_kept
from referrals import sameness
from referrals.events import InviteCreated
from referrals.models import OPEN, Invite
from referrals.operations.refusals import InvalidInvite, InviteCooldown, InviteQuota, ReferralsPaused, SamePerson
from referrals.queries import limits
from referrals.queries.limits import Limits

log = structlog.get_logger("referrals.invites")

LETTER = "R"
CHUNK = 500
_TRIES = 5
_draw = partial(new_code, LETTER)


@transaction.atomic(savepoint=False)
def create(
    *,
    member: Member,
    at: datetime,
    invitee_email: str = "",
    reward_points: int | None = None,
    metadata: dict[str, Any] | None = None,
) -> Invite:
    """Invite somebody, and return the invite: `sent` where there is an address to write to, else a `draft`.

    `reward_points` are for this invite alone; without them the program's rule counts. Quota, cooldown and pause hold
    however many ask at once: they are looked at behind the member's lock. Raises `CardInactive`, `ProgramInactive`,
    `ReferralsPaused`, `InviteQuota`, `InviteCooldown`, `SamePerson`, `InvalidInvite`, `InvalidPoints`.
    """
    member = lock(member)
    if not member.is_active:
        raise CardInactive
    if not member.program.is_active:
        raise ProgramInactive
    email = _address(invitee_email)
    if sameness.are_same(email, member.customer.email):
        raise SamePerson(field="invitee_email")
    refuse_what_cannot_be_kept(metadata or {})
    found = limits.of(member, at=at)
    _hold_to(found, at)
    invite = Invite(
        merchant_id=member.merchant_id,
        referrer=member,
        invitee_email=email,
        status=Invite.Status.SENT if email else Invite.Status.DRAFT,
        reward_points=found.rules.reward_points if reward_points is None else whole_points(reward_points),
        invitee_points=found.rules.invitee_points,
        metadata=metadata or {},
        created_at=at,
        updated_at=at,
        expires_at=at + timedelta(days=found.rules.open_days),
    )
    insert(invite)
    outbox.publish(
        InviteCreated(
            merchant_id=invite.merchant_id,
            occurred_at=at,
            member_id=member.pk,
            invite_id=invite.pk,
            code=invite.code,
            share_url=links.invitation(found.merchant_slug, invite.code),
            invitee_email=email or None,
            reward_points=invite.reward_points,
            invitee_points=invite.invitee_points,
            expires_at=invite.expires_at,
        )
    )
    log.info("invite_created", merchant=str(invite.merchant_id), member=str(member.pk), invite=str(invite.pk))
    return invite


def _address(text: str) -> str:
    email = text.strip()
    if email:
        refuse_what_cannot_be_kept(email)
        try:
            validate_email(email)
        except ValidationError as error:
            raise InvalidInvite(field="invitee_email") from error
        if len(email) > 254:
            raise InvalidInvite(field="invitee_email")
    return email


def _hold_to(found: Limits, at: datetime) -> None:
    if found.paused_until is not None:
        raise ReferralsPaused(retry_after=_seconds(found.paused_until - at))
    if not found.is_quota_lifted and found.open >= found.rules.open_invites:
        # When the first of them expires there is room again.
        soonest = found.soonest_expiry or at + timedelta(days=found.rules.open_days)
        raise InviteQuota(retry_after=_seconds(soonest - at))
    if not found.is_cooldown_lifted and found.last_created_at is not None:
        wait = found.last_created_at + timedelta(seconds=found.rules.cooldown_seconds) - at
        if wait > timedelta(0):
            raise InviteCooldown(retry_after=_seconds(wait))


def _seconds(wait: timedelta) -> int:
    return max(1, math.ceil(wait.total_seconds()))


def insert(invite: Invite, *, draw: Callable[[], str] = _draw) -> None:
    """Write the invite under a code that nobody has: drawn again on a collision."""
    fields = Invite._meta.concrete_fields
    columns = ", ".join(str(field.column) for field in fields)
    statement = (
        f"INSERT INTO loyalty_referral_invites ({columns}) VALUES ({', '.join(['%s'] * len(fields))}) "
        "ON CONFLICT (code) WHERE NOT is_standing DO NOTHING"
    )
    for _ in range(_TRIES):
        invite.code = draw()
        values = [field.get_db_prep_save(field.pre_save(invite, add=True), connection) for field in fields]
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            if cursor.rowcount:
                invite._state.adding, invite._state.db = False, "default"
                return
    raise RuntimeError("No code was free: the generator repeats itself.")


@transaction.atomic(savepoint=False)
def cancel(*, member: Member, invite_id: UUID, at: datetime, reason: str = "") -> Invite:
    """Take the member's invite back; one that is not open any more is returned as it is. Raises `NotFound`."""
    invite = (
        Invite.objects.select_for_update(no_key=True)
        .filter(merchant_id=member.merchant_id, referrer=member, pk=invite_id)
        .first()
    )
    if invite is None:
        raise NotFound
    if invite.status not in OPEN:
        return invite
    refuse_what_cannot_be_kept(reason)
    invite.status, invite.reason, invite.updated_at = Invite.Status.CANCELLED, reason.strip(), at
    invite.save(update_fields=["status", "reason", "updated_at"])
    log.info("invite_cancelled", merchant=str(invite.merchant_id), member=str(member.pk), invite=str(invite.pk))
    return invite


def expire(*, at: datetime, chunk: int = CHUNK, merchants: Sequence[UUID] | None = None) -> int:
    """Mark invites whose time is over, of every merchant or of these, chunk by chunk; returns how many.

    Who came with one and has not ordered yet may come with another. What is being converted at this moment is left.
    """
    expired, after = 0, (datetime.min.replace(tzinfo=UTC), UUID(int=0))
    while True:
        done, last = _expire_chunk(at, chunk, after, merchants)
        expired += done
        if last is None:
            return expired
        after = last


@transaction.atomic(durable=True)
def _expire_chunk(
    at: datetime, chunk: int, after: tuple[datetime, UUID], merchants: Sequence[UUID] | None
) -> tuple[int, tuple[datetime, UUID] | None]:
    of_these = "AND merchant_id = ANY (%s::uuid[])" if merchants is not None else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH due AS (
                SELECT id, expires_at FROM loyalty_referral_invites
                 WHERE status IN ('draft', 'sent') AND expires_at <= %s AND (expires_at, id) > (%s, %s) {of_these}
                 ORDER BY expires_at, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED),
            marked AS (
                UPDATE loyalty_referral_invites i SET status = 'expired', updated_at = %s
                  FROM due WHERE i.id = due.id RETURNING 1)
            SELECT expires_at, id, (SELECT count(*) FROM marked) FROM due ORDER BY expires_at DESC, id DESC LIMIT 1""",
            [at, *after, *([list(merchants)] if merchants is not None else []), chunk, at],
        )
        row = cursor.fetchone()
    return (0, None) if row is None else (row[2], (row[0], row[1]))
