"""What redemptions, intents and cards look like in answers."""

from typing import Any

from loyalty.models import CheckoutIntent, Member, Redemption
from loyalty.queries import next_actions
from loyalty_site.http.fields import moment


def redemption(row: Redemption) -> dict[str, Any]:
    """A redemption as members and operators see it."""
    return {
        "id": str(row.pk),
        "member_id": str(row.member_id),
        "reward_id": str(row.reward_id) if row.reward_id is not None else None,
        "status": str(row.status),
        "points_cost": row.points_cost,
        "quantity": row.quantity,
        "requested_at": moment(row.requested_at),
        "fulfilled_at": moment(row.fulfilled_at),
        "cancelled_at": moment(row.cancelled_at),
        "failure_reason": row.reason or None,
    }


def intent(row: CheckoutIntent) -> dict[str, Any]:
    """An intent of a checkout."""
    return {
        "id": str(row.pk),
        "client_intent_id": row.client_id,
        "kind": str(row.kind),
        "status": str(row.status),
        "order_id": row.order_id,
        "channel": row.channel or None,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "resolved_at": moment(row.resolved_at),
        "metadata": _facts(row),
    }


def card(row: CheckoutIntent, member: Member) -> dict[str, Any]:
    """An intent in the member's words."""
    said = next_actions.card(row, member)
    return {
        "id": str(row.pk),
        "kind": str(row.kind),
        "headline": said.headline,
        "description": said.description,
        "cta_label": said.cta_label,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
        "metadata": {**_facts(row), "ctaHref": said.cta_href, "intentStatus": str(row.status)},
    }


def _facts(row: CheckoutIntent) -> dict[str, Any]:
    facts: dict[str, Any] = {**row.metadata, "clientIntentId": row.client_id}
    if row.redemption_id is not None:
        facts["redemptionId"] = str(row.redemption_id)
    if row.kind == CheckoutIntent.Kind.REFERRAL_SHARE:
        facts["referralCode"] = row.referral_code
    return facts
