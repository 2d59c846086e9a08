"""Members with something to be nudged about, and what came of it."""

from datetime import datetime, timedelta
from typing import Any

from loyalty.models import CheckoutIntent, Member, Redemption
from loyalty.operations import checkout, points, redemptions
from loyalty_site.tenants.models import Merchant
from notifications.models import Message, Nudge, NudgeCampaign
from notifications.nudges import aggregating, campaigns, dispatching


def give(member: Member, amount: int, *, at: datetime, valid_days: float | None = None, key: str = "gift") -> None:
    """Points for the member, expiring after so many days."""
    expires_at = None if valid_days is None else at + timedelta(days=valid_days)
    facts = {"type": "tier_bonus", "points": amount, "key": f"{member.pk}:{key}"}
    points.award(member=member, at=at, expires_at=expires_at, **facts)
    member.refresh_from_db()


def intend(member: Member, *, at: datetime, name: str = "i-1", **more: Any) -> CheckoutIntent:
    """A checkout tells that the member means to share their code."""
    asked = checkout.Asked(client_id=name, created_at=at, **({"kind": "referral_share"} | more))
    facts = {"user_id": member.customer.user_id, "order_id": "O-1", "at": at}
    [intent] = checkout.confirm(merchant=member.merchant, intents=[asked], **facts).intents.values()
    return intent


def request(member: Member, amount: int, *, at: datetime, **more: Any) -> Redemption:
    """The member asks for something."""
    return redemptions.hold(member=member, points=amount, at=at, **more)


def consents(member: Member, **more: Any) -> None:
    """The member agrees to marketing messages, with an address for each channel."""
    given = {"marketing_consent": True, "phone_number": "+352621123456", "push_token": "token", **more}
    for name, value in given.items():
        setattr(member.customer, name, value)
    member.customer.save()


def aggregate(merchant: Merchant, at: datetime, **more: Any) -> dict[str, int]:
    return dict(aggregating.aggregate(merchants=[merchant], at=at, **more))


def dispatch(merchant: Merchant, at: datetime, **more: Any) -> dict[str, int]:
    return dict(dispatching.dispatch(merchants=[merchant], at=at, **more))


def campaign(merchant: Merchant, slug: str, **changes: Any) -> NudgeCampaign:
    """The merchant's campaign of that name, changed."""
    campaigns.seed(at=merchant.created_at)
    NudgeCampaign.objects.filter(merchant=merchant, slug=slug).update(**changes)
    return NudgeCampaign.objects.get(merchant=merchant, slug=slug)


def nudges_of(member: Member) -> dict[str, str]:
    """Status by type, of the newest nudge each."""
    return {nudge.nudge_type: nudge.status for nudge in Nudge.objects.filter(member=member).order_by("created_at")}


def channels_of_messages(member: Member) -> list[list[str]]:
    """The channels of the member's messages, oldest first."""
    return list(Message.objects.filter(member=member).order_by("created_at", "pk").values_list("channels", flat=True))
