"""The figures of the landing page: what each merchant's members did today, and in 30 days.

They are those of the analytics page for the same days (docs/analytics.md), for several merchants at once.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty.models import Program
from loyalty.queries import stats
from loyalty.queries.liability import Liability
from loyalty.queries.stats import MerchantStats
from loyalty_site.tenants.models import Merchant
from referrals.queries.figures import DAYS, Figures, newest_of


@dataclass(frozen=True, slots=True)
class Business:
    """One merchant's figures of today and of the 30 days that end with it.

    With `stored` they are the newest snapshot's, of its 30 days, and `today` has the moves of the last of them.
    """

    today: MerchantStats
    month: MerchantStats
    stored: Figures | None = None

    @property
    def owed(self) -> list[tuple[Liability, Decimal]]:
        """What members of each program have not spent, and its value in the program's currency."""
        return [(each, each.worth(each.points)) for each in self.month.liability if each.points]


def figures(merchants: Sequence[Merchant], *, at: datetime) -> dict[UUID, Business]:
    """The figures by merchant. A day is one of the program's time zone; who has the same day is counted together.

    Where there are too many members to be counted while somebody waits, the night's figures are told.
    """
    found = {merchant.pk: _told(merchant, kept) for merchant, kept in newest_of(merchants)}
    small = [merchant for merchant in merchants if merchant.pk not in found]
    for today, group in _by_day(small, at).items():
        month = stats.stats(group, today - timedelta(days=DAYS - 1), today).by_merchant
        now = stats.stats(group, today, today, with_liability=False).by_merchant
        found |= {one.merchant.pk: Business(today=other, month=one) for one, other in zip(month, now, strict=True)}
    return found


def _told(merchant: Merchant, kept: Figures) -> Business:
    last = MerchantStats(merchant, moves=kept.by_day[kept.last])
    return Business(today=last, month=kept.whole, stored=kept)


def _by_day(merchants: Sequence[Merchant], at: datetime) -> dict[date, list[Merchant]]:
    programs = Program.objects.filter(merchant__in=merchants).order_by("is_active", "created_at", "pk")
    # The last one named counts: the active program, else the newest.
    zones = dict(programs.values_list("merchant_id", "time_zone"))
    days: dict[date, list[Merchant]] = defaultdict(list)
    for merchant in merchants:
        days[at.astimezone(ZoneInfo(zones.get(merchant.pk, "UTC"))).date()].append(merchant)
    return days
