"""The business figures of the real orders: cohorts, churn, points, stamps and liability equal the reference's."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from loyalty.queries import cohorts
from loyalty.queries.stats import stats
from loyalty_site.tenants.models import Merchant

pytestmark = pytest.mark.long

RULE = "rule_a_inactivity_180d"


@pytest.fixture(scope="module")
def gifts(modules_database, replay_orders):
    """The shop whose past was replayed, its tables analysed as PostgreSQL does by itself within minutes."""
    replay_orders(RULE)
    with psycopg.connect(modules_database.owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE")
    return Merchant.objects.get(slug="gifts")


def month_ends(first, last):
    """The last days of the months from one to the other."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if (day + timedelta(days=1)).day == 1]


def test_the_figures_of_the_real_orders_are_the_references(gifts, reference):
    as_of = datetime.fromisoformat(reference["input"]["as_of"])
    first, last = date(2010, 12, 1), as_of.date()
    rule = reference[RULE]

    found = cohorts.cohorts(gifts, as_of, zone="UTC")
    figures = stats([gifts], first, last)
    [whole] = figures.by_merchant

    assert {f"{cohort.month:%Y-%m}": cohort.active for cohort in found} == reference["cohorts"]["matrix"]
    assert cohorts.churned(gifts, as_of) == reference["others"]["churned_90d"]
    complete = reference["cohorts"]["month_3_all_complete_cohorts"]
    assert (whole.retention.of, whole.retention.those) == (complete["members"], complete["active"])
    assert round(whole.retention.ratio * 100, 2) == float(complete["retention_pct"])
    assert whole.visitors == reference["others"]["members_with_a_sale"]
    assert whole.moves.points_issued == rule["points_issued"]
    assert whole.moves.points_expired == rule["points_expired"]
    assert whole.moves.points_corrected == -rule["refund_points_taken_back"]
    assert [owed.points for owed in whole.liability] == [rule["points_outstanding"]]
    assert whole.stamp_completion.those == reference["others"]["stamps"]["members_with_a_completed_card"]
    assert whole.moves.stamp_cards_redeemed == reference["others"]["stamps"]["completed_cards"]
    # By month, by day and by store they come to the same.
    for month in reference["cohorts"]["month_3"]:
        if month["month_3_complete"]:
            year, number = map(int, month["cohort"].split("-"))
            end = next(day for day in month_ends(first, last) if (day.year * 12 + day.month) == year * 12 + number + 3)
            [one] = stats([gifts], end, end).by_merchant
            assert (one.retention.of, one.retention.those) == (month["members"], month["active_month_3"])
    issued = dict.fromkeys(rule["issued_by_month"], 0)
    for day, moves in figures.by_day.items():
        issued[f"{day:%Y-%m}"] += moves.points_issued
    assert issued == rule["issued_by_month"]
    assert sum(moves.points_issued for _, store, moves in figures.by_store if store) == rule["points_issued"]


def test_figures_of_one_store_are_those_of_its_entries(gifts, reference):
    first, last = date(2010, 12, 1), date(2011, 12, 10)
    of_all = stats([gifts], first, last)

    for merchant, store, moves in of_all.by_store:
        if store is not None:
            alone = stats([merchant], first, last, store=store)
            assert alone.totals == moves
            at = datetime(2011, 12, 10, 2, tzinfo=UTC)
            visitors = sum(cohort.members for cohort in cohorts.cohorts(gifts, at, zone="UTC", store=store))
            assert visitors == alone.by_merchant[0].visitors
