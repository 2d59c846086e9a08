"""What invites and overrides look like in answers."""

from datetime import datetime
from typing import Any

from loyalty_site.http.fields import moment
from referrals.models import GuardrailOverride, Invite


def invite(row: Invite) -> dict[str, Any]:
    """An invite as its member and operators see it."""
    return {
        "id": str(row.pk),
        "code": row.code,
        "status": str(row.status),
        "reward_points": row.reward_points,
        "invitee_email": row.invitee_email or None,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "completed_at": moment(row.completed_at),
    }


def conversion(row: Invite) -> dict[str, Any]:
    """An invite on the page of conversions."""
    return {
        "id": str(row.pk),
        "code": row.code,
        "status": str(row.status),
        "reward_points": row.reward_points,
        "invitee_email": row.invitee_email or None,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "completed_at": moment(row.completed_at),
    }


def override(row: GuardrailOverride, at: datetime) -> dict[str, Any]:
    """An override as operators see it."""
    return {
        "id": str(row.pk),
        "scope": str(row.scope),
        "justification": row.justification,
        "metadata": row.metadata,
        "target_member_id": str(row.target_member_id) if row.target_member_id is not None else None,
        "created_by_user_id": str(row.created_by_user_id) if row.created_by_user_id is not None else None,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "revoked_at": moment(row.revoked_at),
        "is_active": row.is_active(at),
    }


def override_for_member(row: GuardrailOverride, at: datetime) -> dict[str, Any]:
    """An override as a member sees it: without who made it, and without what back ends keep beside it."""
    shown = override(row, at)
    return {name: value for name, value in shown.items() if name not in ("metadata", "created_by_user_id")}
