"""The figures of a merchant's members over some days: counted, and as a snapshot keeps them.

What each means stands in docs/analytics.md.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from loyalty.models import Program
from loyalty.queries import cohorts as cohort_queries
from loyalty.queries import stats
from loyalty.queries.cohorts import Cohort
from loyalty.queries.liability import Liability
from loyalty.queries.stats import MerchantStats, Moves, Share
from loyalty_site.tenants.models import Merchant, Store
from referrals.models import AnalyticsSnapshot

DAYS = 30
# A page counts the entries of so many members while somebody waits; of more, the night counts them.
LIVE_MEMBERS = 20_000


@dataclass(frozen=True, slots=True)
class Figures:
    """What the members did from `first` to `last`, as of `computed_at`; cohorts and churn are those at the end."""

    computed_at: datetime
    first: date
    last: date
    whole: MerchantStats
    by_day: dict[date, Moves]
    by_store: list[tuple[Store | None, Moves]]
    churned: int
    cohorts: list[Cohort]
    is_stored: bool = False


def zone_of(merchant: Merchant) -> str:
    """The time zone of its program: of the active one, else of the newest."""
    program = Program.objects.filter(merchant=merchant).order_by("-is_active", "-created_at").first()
    return program.time_zone if program else "UTC"


def measured(merchant: Merchant, first: date, last: date, *, at: datetime, store: Store | None = None) -> Figures:
    """The figures of these days, both included, counted now; members and liability are those of now."""
    zone = zone_of(merchant)
    end = min(at, datetime.combine(last + timedelta(days=1), time(), tzinfo=ZoneInfo(zone)))
    found = stats.stats([merchant], first, last, store=store)
    [whole] = found.by_merchant
    return Figures(
        computed_at=at,
        first=first,
        last=last,
        whole=whole,
        by_day=found.by_day,
        by_store=[(place, moves) for _merchant, place, moves in found.by_store],
        churned=cohort_queries.churned(merchant, end, store=store),
        cohorts=cohort_queries.cohorts(merchant, end, zone=zone, store=store),
    )


def of_the_night(merchant: Merchant, *, at: datetime) -> Figures:
    """What is kept beside a snapshot of `at`: the 30 days before the day of `at`, which is only beginning."""
    last = at.astimezone(ZoneInfo(zone_of(merchant))).date() - timedelta(days=1)
    return measured(merchant, last - timedelta(days=DAYS - 1), last, at=at)


def newest(merchant: Merchant) -> Figures | None:
    """The figures kept beside the newest snapshot; None where the merchant can be counted at any time."""
    return next((found for _, found in newest_of([merchant])), None)


def newest_of(merchants: Iterable[Merchant]) -> Iterator[tuple[Merchant, Figures]]:
    """Those of the merchants that cannot be counted at any time, with their `newest`."""
    by_id = {merchant.pk: merchant for merchant in merchants}
    counted = AnalyticsSnapshot.objects.filter(merchant__in=by_id, members__gt=LIVE_MEMBERS, figures__isnull=False)
    for snapshot in counted.order_by("merchant_id", "-day").distinct("merchant_id").defer("segments"):
        merchant = by_id[snapshot.merchant_id]
        yield merchant, stored(merchant, snapshot)


def kept(found: Figures) -> dict[str, Any]:
    """As a snapshot keeps them. No person is in it."""
    whole = found.whole
    return {
        "computed_at": found.computed_at.isoformat(),
        "first": found.first.isoformat(),
        "last": found.last.isoformat(),
        "moves": asdict(whole.moves),
        "members": whole.members,
        "visitors": whole.visitors,
        "stamp_completion": asdict(whole.stamp_completion),
        "retention": asdict(whole.retention),
        "liability": [{"program": str(owed.program.pk), "by_month": owed.by_month} for owed in whole.liability],
        "by_day": {day.isoformat(): asdict(moves) for day, moves in found.by_day.items()},
        "by_store": [[str(place.pk) if place else None, asdict(moves)] for place, moves in found.by_store],
        "churned": found.churned,
        "cohorts": [[cohort.month.isoformat(), cohort.active] for cohort in found.cohorts],
    }


def stored(merchant: Merchant, snapshot: AnalyticsSnapshot) -> Figures:
    """The figures that the snapshot keeps, in two queries: programs and stores by their names of now."""
    facts: dict[str, Any] = snapshot.figures or {}
    programs = {str(program.pk): program for program in Program.objects.filter(merchant=merchant)}
    stores = {str(store.pk): store for store in Store.objects.filter(merchant=merchant)}
    whole = MerchantStats(
        merchant,
        moves=Moves(**facts["moves"]),
        members=facts["members"],
        visitors=facts["visitors"],
        stamp_completion=Share(**facts["stamp_completion"]),
        retention=Share(**facts["retention"]),
        liability=[
            Liability(programs[owed["program"]], [(month, points) for month, points in owed["by_month"]])
            for owed in facts["liability"]
            if owed["program"] in programs
        ],
    )
    return Figures(
        computed_at=datetime.fromisoformat(facts["computed_at"]),
        first=date.fromisoformat(facts["first"]),
        last=date.fromisoformat(facts["last"]),
        whole=whole,
        by_day={date.fromisoformat(day): Moves(**moves) for day, moves in facts["by_day"].items()},
        by_store=[(stores.get(place), Moves(**moves)) for place, moves in facts["by_store"]],
        churned=facts["churned"],
        cohorts=[Cohort(date.fromisoformat(month), active) for month, active in facts["cohorts"]],
        is_stored=True,
    )
