"""What a campaign's messages bring: members who got them beside members who were held out."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection

from notifications.models import NudgeCampaign

# Whoever was on both sides, since the share was changed meanwhile, is on neither here. A redemption counts when it is
# fulfilled: those that were asked for before the message are what it is about.
_COMPARE = """
SELECT e.held_out, count(*), count(*) FILTER (WHERE r.redemptions > 0), coalesce(sum(r.redemptions), 0),
       count(*) FILTER (WHERE o.orders > 0), coalesce(sum(o.orders), 0)
  FROM (SELECT x.member_id, x.held_out_at IS NOT NULL AS held_out, coalesce(x.nudged_at, x.held_out_at) AS since
          FROM loyalty_nudge_exposures x
         WHERE x.merchant_id = %(merchant)s AND x.campaign_slug = %(slug)s
           AND (x.nudged_at IS NULL) <> (x.held_out_at IS NULL)) e
 CROSS JOIN LATERAL (
       SELECT count(*) AS redemptions FROM loyalty_redemptions t
        WHERE t.member_id = e.member_id AND t.status = 'fulfilled'
          AND t.fulfilled_at > e.since AND t.fulfilled_at <= e.since + %(window)s) r
 CROSS JOIN LATERAL (
       SELECT count(*) AS orders FROM loyalty_ledger_entries t
        WHERE t.member_id = e.member_id AND t.type = 'earn' AND t.order_reference <> ''
          AND t.occurred_at > e.since AND t.occurred_at <= e.since + %(window)s) o
 GROUP BY e.held_out"""


@dataclass(frozen=True, slots=True)
class Side:
    """The members of one side: how many there are, how many redeemed and ordered in their days, and how often."""

    members: int = 0
    redeemers: int = 0
    redemptions: int = 0
    buyers: int = 0
    orders: int = 0

    @property
    def redeeming(self) -> float | None:
        """The share of members who redeemed, 0 to 1; None of nobody."""
        return self.redeemers / self.members if self.members else None

    @property
    def buying(self) -> float | None:
        """The share of members who ordered, 0 to 1; None of nobody."""
        return self.buyers / self.members if self.members else None


@dataclass(frozen=True, slots=True)
class Lift:
    """Both sides, and by how much the nudged are ahead: differences of shares, None where a side is empty."""

    nudged: Side
    held_out: Side

    @property
    def redeeming(self) -> float | None:
        return _ahead(self.nudged.redeeming, self.held_out.redeeming)

    @property
    def buying(self) -> float | None:
        return _ahead(self.nudged.buying, self.held_out.buying)


def of(campaign: NudgeCampaign) -> Lift:
    """The campaign's figures. One query.

    Each member's days begin when their first message was due, whether they got it or not; days that are not over yet
    count as far as they have gone, on both sides alike.
    """
    facts: dict[str, Any] = {
        "merchant": campaign.merchant_id,
        "slug": campaign.slug,
        "window": timedelta(days=campaign.lift_days),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, facts)
        sides = {held_out: Side(*map(int, figures)) for held_out, *figures in cursor.fetchall()}
    return Lift(nudged=sides.get(False, Side()), held_out=sides.get(True, Side()))


def _ahead(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
