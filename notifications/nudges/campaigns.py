"""Which campaign speaks for which kind of nudge, and the campaigns every merchant begins with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from loyalty_site.tenants.models import Merchant
from notifications.models import Channel, NudgeCampaign, NudgeType

DEFAULTS: tuple[dict[str, Any], ...] = (
    {
        "slug": "expiring_points",
        "nudge_type": NudgeType.EXPIRING_POINTS,
        "priority": 20,
        "ttl_hours": 24,
        "cap_hours": 12,
        "channels": [Channel.EMAIL.value, Channel.SMS.value],
    },
    {
        "slug": "checkout_recovery",
        "nudge_type": NudgeType.CHECKOUT_REMINDER,
        "priority": 10,
        "ttl_hours": 48,
        "cap_hours": 6,
        "channels": [Channel.EMAIL.value, Channel.PUSH.value],
    },
    {
        "slug": "redemption_follow_up",
        "nudge_type": NudgeType.REDEMPTION_FOLLOW_UP,
        "priority": 5,
        "ttl_hours": 336,
        "cap_hours": 24,
        "channels": [Channel.EMAIL.value],
    },
)


def in_force(merchant_id: UUID, *, at: datetime) -> dict[str, NudgeCampaign]:
    """The merchant's campaign for each kind of nudge at `at`. One query.

    Of several in force the one of the highest priority. A kind for which the merchant has no campaign at all is
    spoken for by the default; one whose campaigns are off, over or not begun is silent.
    """
    rows = list(NudgeCampaign.objects.filter(merchant_id=merchant_id).order_by("-priority", "slug"))
    chosen: dict[str, NudgeCampaign] = {}
    for row in rows:
        if row.is_in_force(at):
            chosen.setdefault(row.nudge_type, row)
    known = {row.nudge_type for row in rows}
    for default in defaults(merchant_id, at):
        if default.nudge_type not in known:
            chosen[default.nudge_type] = default
    return chosen


def defaults(merchant_id: UUID, at: datetime) -> list[NudgeCampaign]:
    """The campaigns a merchant begins with, not stored."""
    return [NudgeCampaign(merchant_id=merchant_id, created_at=at, **each) for each in DEFAULTS]


def seed(*, at: datetime) -> int:
    """Give the default of each kind to every merchant that has no campaign of it, for its staff to edit.

    Nothing that is there is touched. Returns how many campaigns were made. One query a kind, and one insert.
    """
    rows: list[NudgeCampaign] = []
    for default in DEFAULTS:
        known = NudgeCampaign.objects.filter(nudge_type=default["nudge_type"]).values("merchant_id")
        ids = Merchant.objects.exclude(pk__in=known).order_by("pk").values_list("pk", flat=True)
        rows += [NudgeCampaign(merchant_id=merchant_id, created_at=at, **default) for merchant_id in ids]
    NudgeCampaign.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    return len(rows)
