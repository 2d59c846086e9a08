"""What members see of this app's rows: plain values in snake_case; the renderer turns names into camelCase."""

from typing import Any

from loyalty.models import EntryType, Reward, Tier
from loyalty.queries.ledger_window import Line
from loyalty.queries.overview import Overview
from loyalty_site.http.fields import moment

STAMPS = frozenset({EntryType.STAMP_EARNED, EntryType.STAMP_REDEEMED, EntryType.STAMP_VOIDED})


def tier(row: Tier) -> dict[str, Any]:
    """A level of the program."""
    return {
        "id": str(row.pk),
        "slug": row.slug,
        "name": row.name,
        "description": row.description,
        "point_threshold": row.point_threshold,
        "benefits": row.benefits,
        "is_active": row.is_active,
    }


def reward(row: Reward) -> dict[str, Any]:
    """Something to spend points on."""
    return {
        "id": str(row.pk),
        "slug": row.slug,
        "name": row.name,
        "description": row.description,
        "cost_points": row.cost_points,
        "is_active": row.is_active,
    }


def overview(seen: Overview) -> dict[str, Any]:
    """A member at a glance."""
    member, progress = seen.member, seen.progress
    return {
        "id": str(member.pk),
        "user_id": str(member.customer.user_id),
        "current_tier": progress.current.slug if progress.current is not None else None,
        "next_tier": progress.next.slug if progress.next is not None else None,
        "points_balance": member.points_balance,
        "points_on_hold": member.points_held,
        "available_points": member.points_available,
        "lifetime_points": member.lifetime_points,
        "progress_to_next_tier": progress.progress,
        "referral_code": member.referral_code,
        "upcoming_benefits": progress.upcoming_benefits,
        "expiring_points": [
            {
                "expires_at": moment(each.expires_at),
                "points": each.points,
                "remaining_points": each.remaining_points,
                "status": each.status,
            }
            for each in seen.expiring
        ],
    }


def line(one: Line) -> dict[str, Any]:
    """An entry of the member's ledger. Its names are those on the wire: pages of them are written as they are."""
    metadata, delta = one.metadata, one.points_delta
    if one.stamps_delta or one.type in STAMPS:
        metadata = metadata | {"stamps_delta": one.stamps_delta, "stamps_balance_after": one.stamps_balance_after}
    return {
        "id": str(one.id),
        "occurredAt": moment(one.occurred_at),
        "entryType": one.type,
        "amount": delta,
        "description": one.description,
        "balanceBefore": one.points_balance_after - delta,
        "balanceAfter": one.points_balance_after,
        "balanceDelta": delta,
        "checkoutIntentId": _text(metadata.get("checkout_intent_id")),
        "checkoutOrderId": _text(metadata.get("order_id")),
        "metadata": metadata,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
