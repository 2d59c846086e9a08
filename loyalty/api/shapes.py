"""What the API shows of this app's rows: plain values in snake_case; the renderer turns names into camelCase.

An entry's shape is made of the entry alone, so that a retry is answered with the very same body.
"""

from typing import Any

from loyalty import links
from loyalty.models import LedgerEntry, Member, Program, Redemption, Reward, Tier
from loyalty_site.http.fields import moment


def entry(row: LedgerEntry) -> dict[str, Any]:
    """A ledger entry as stores and staff see it."""
    return {
        "id": str(row.pk),
        "number": row.number,
        "entry_type": row.type,
        "points": row.points_delta,
        "points_balance": row.points_balance_after,
        "stamps": row.stamps_delta,
        "stamp_count": row.stamps_balance_after,
        "requested": row.requested,
        "shortfall": row.shortfall,
        "order_reference": row.order_reference or None,
        "answers": str(row.answers_id) if row.answers_id else None,
        "description": row.description,
        "metadata": row.metadata,
        "occurred_at": moment(row.occurred_at),
    }


def refund(row: LedgerEntry) -> dict[str, Any]:
    """A refund: the entry, and how many points it took."""
    return entry(row) | {"taken": -row.points_delta}


def card(member: Member, base: str) -> dict[str, Any]:
    """A card, with program, tier and customer at hand. `base` is where the platform is reached, for links."""
    customer, target = member.customer, member.program.stamps_target
    return {
        "id": str(member.pk),
        "card_number": member.card_number,
        "qr_payload": links.qr_payload(member),
        "wallet_links": links.wallets(member, base),
        "user_id": str(customer.user_id),
        "external_ref": customer.external_ref,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "email": customer.email,
        "phone": str(customer.phone_number),
        "locale": customer.locale,
        "marketing_consent": customer.marketing_consent,
        "is_active": member.is_active,
        "enrolled_at": moment(member.enrolled_at),
        "tier": member.tier.slug if member.tier is not None else None,
        "points_balance": member.points_balance,
        "points_on_hold": member.points_held,
        "available_points": member.points_available,
        "lifetime_points": member.lifetime_points,
        "stamp_count": member.stamp_count,
        "stamps_target": target,
        "rewards_ready": member.stamp_count // target,
        "referral_code": member.referral_code,
    }


def spent(redemption: Redemption) -> dict[str, Any]:
    """A till's redemption and its entry."""
    return {
        "id": str(redemption.pk),
        "status": str(redemption.status),
        "points_cost": redemption.points_cost,
        "quantity": redemption.quantity,
        "reward_slug": redemption.reward.slug if redemption.reward is not None else None,
        "order_reference": redemption.order_reference or None,
        "requested_at": moment(redemption.requested_at),
        "fulfilled_at": moment(redemption.fulfilled_at),
        "entry": entry(redemption.entry) if redemption.entry is not None else None,
    }


def program(one: Program, rewards: list[Reward]) -> dict[str, Any]:
    """A program for a till's screen, with its active tiers and the rewards given."""
    return {
        "id": str(one.pk),
        "name": one.name,
        "currency": one.currency,
        "locale": one.locale,
        "time_zone": one.time_zone,
        "points_per_unit": str(one.points_per_unit),
        "minimum_purchase": str(one.minimum_purchase),
        "welcome_bonus": one.welcome_bonus,
        "stamps_target": one.stamps_target,
        "minutes_between_stamps": one.minutes_between_stamps,
        "stamps_per_day": one.stamps_per_day,
        "expiry_policy": one.expiry_policy,
        "void_hours": one.void_hours,
        "tiers": [_tier(tier) for tier in one.ladder],
        "rewards": [_reward(reward) for reward in rewards],
    }


def _tier(tier: Tier) -> dict[str, Any]:
    return {
        "id": str(tier.pk),
        "slug": tier.slug,
        "name": tier.name,
        "description": tier.description,
        "point_threshold": tier.point_threshold,
        "multiplier": str(tier.multiplier),
        "benefits": tier.benefits,
    }


def _reward(reward: Reward) -> dict[str, Any]:
    return {
        "id": str(reward.pk),
        "slug": reward.slug,
        "name": reward.name,
        "description": reward.description,
        "cost_points": reward.cost_points,
    }
