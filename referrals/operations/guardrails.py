"""Lifting the limits of invitations, or stopping all of them, for a time (specs/referrals.md "Guardrails")."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from loyalty_site import outbox
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Merchant, User
from loyalty_site.texts import refuse_what_cannot_be_kept
from referrals.models import GuardrailAuditEvent, GuardrailOverride

log = structlog.get_logger("referrals.guardrails")

Scope, Action = GuardrailOverride.Scope, GuardrailAuditEvent.Action
SHORTEST, LONGEST = 3, 500


class InvalidOverride(Refusal):
    """An override that cannot act: without a justification, over before it began, a pause for one. `facts`: field."""

    code = "invalid_override"
    status = 422
    sentence = "This override cannot act."


@transaction.atomic(savepoint=False)
def override(
    *,
    merchant: Merchant,
    scope: str,
    justification: str,
    at: datetime,
    target_member_id: UUID | None = None,
    actor: User | None = None,
    actor_user_id: UUID | None = None,
    expires_at: datetime | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> GuardrailOverride:
    """Put an override in force, in place of the one there is of the same scope and target.

    `actor` is a user of the console, `actor_user_id` whoever a back end names. Raises `InvalidOverride`, and
    `NotFound` where the merchant has no such member.
    """
    justification = _justified(justification)
    if scope not in Scope.values:
        raise InvalidOverride("There is no such scope.", field="scope")
    if scope == Scope.GLOBAL_THROTTLE and target_member_id is not None:
        raise InvalidOverride("A pause is for all members.", field="target_member_id")
    if expires_at is not None and expires_at <= at:
        raise InvalidOverride("It would be over before it began.", field="expires_at")
    refuse_what_cannot_be_kept(dict(metadata or {}))
    target_customer_id = _one_at_a_time(merchant.pk, target_member_id)
    user_id = actor.pk if actor is not None else actor_user_id
    made = GuardrailOverride(
        merchant_id=merchant.pk,
        scope=scope,
        target_member_id=target_member_id,
        justification=justification,
        metadata=dict(metadata or {}),
        created_by_user_id=user_id,
        created_at=at,
        expires_at=expires_at,
    )
    made.target_customer_id = target_customer_id
    superseded = _end_the_one_in_force(made, at)
    outbox.insert_alongside(made)
    outbox.insert_alongside(_event(made, Action.CREATED, actor, user_id, justification, at))
    if superseded is not None:
        row, ended_at = superseded
        if ended_at < at:
            outbox.insert_alongside(_event(row, Action.EXPIRED, None, None, "", ended_at))
        else:
            outbox.insert_alongside(_event(row, Action.SUPERSEDED, actor, user_id, justification, at, by=str(made.pk)))
    log.info("override_made", merchant=str(merchant.pk), override=str(made.pk), scope=str(scope))
    return made


@transaction.atomic(savepoint=False)
def revoke(*, override_id: UUID, reason: str, actor: User, at: datetime) -> GuardrailOverride:
    """End an override before its time; one that has ended is returned as it is.

    Raises `InvalidOverride`, `NotFound`.
    """
    found = GuardrailOverride.objects.select_for_update(no_key=True).filter(pk=override_id).first()
    if found is None:
        raise NotFound
    if not found.is_active(at):
        return found
    reason = _justified(reason)
    found.revoked_at = at
    found.save(update_fields=["revoked_at"])
    _event(found, Action.REVOKED, actor, actor.pk, reason, at).save(force_insert=True)
    log.info("override_revoked", merchant=str(found.merchant_id), override=str(found.pk))
    return found


def note_expired(*, at: datetime) -> int:
    """Write into the history which overrides have expired since the last time; returns how many.

    They stopped acting at their own time; this ends them for good, so that another can be made beside them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH ended AS (
                UPDATE loyalty_guardrail_overrides SET revoked_at = expires_at
                 WHERE revoked_at IS NULL AND expires_at <= %s RETURNING id, merchant_id, expires_at)
            INSERT INTO loyalty_guardrail_audit_events (id, merchant_id, override_id, action, reason, facts, at)
            SELECT gen_random_uuid(), merchant_id, id, 'expired', '', '{}', expires_at FROM ended""",
            [at],
        )
        return int(cursor.rowcount)


def _justified(text: str) -> str:
    refuse_what_cannot_be_kept(text)
    said = text.strip()
    if not SHORTEST <= len(said) <= LONGEST:
        raise InvalidOverride(f"Say why, in {SHORTEST} to {LONGEST} characters.", field="justification")
    return said


def _one_at_a_time(merchant_id: UUID, target_member_id: UUID | None) -> UUID | None:
    """Let two who override at once follow each other: the second supersedes the first.

    Returns the customer whom the target member is. Raises `NotFound`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT pg_advisory_xact_lock(hashtextextended(%s, 0)), (
                      SELECT m.customer_id FROM loyalty_members m WHERE m.id = %s::uuid AND m.merchant_id = %s)""",
            [f"guardrails:{merchant_id}", target_member_id, merchant_id],
        )
        customer_id: UUID | None = cursor.fetchone()[1]
    if target_member_id is not None and customer_id is None:
        raise NotFound
    return customer_id


def _end_the_one_in_force(made: GuardrailOverride, at: datetime) -> tuple[GuardrailOverride, datetime] | None:
    """End the override of the same scope and target, at its own end where that has passed; that one and when."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE loyalty_guardrail_overrides SET revoked_at = least(%s, expires_at)
             WHERE merchant_id = %s AND scope = %s AND target_member_id IS NOT DISTINCT FROM %s::uuid
               AND revoked_at IS NULL RETURNING id, revoked_at""",
            [at, made.merchant_id, made.scope, made.target_member_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    ended = GuardrailOverride(pk=row[0], merchant_id=made.merchant_id, scope=made.scope)
    return ended, row[1]


def _event(
    row: GuardrailOverride,
    action: str,
    actor: User | None,
    user_id: UUID | None,
    reason: str,
    at: datetime,
    **facts: str,
) -> GuardrailAuditEvent:
    return GuardrailAuditEvent(
        merchant_id=row.merchant_id, override=row, action=action, actor=actor, actor_user_id=user_id,
        reason=reason, facts={"scope": str(row.scope), **facts}, at=at,
    )  # fmt: skip
