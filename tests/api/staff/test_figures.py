"""Statistics, jobs and reconciliation, against figures counted by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from loyalty.models import ExpiryPolicy
from loyalty.operations import points, redemptions, stamps
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.jobs.schedule_rows import sync
from loyalty_site.schedules import SCHEDULES
from loyalty_site.tenants.models import Store
from tests.api.staff.conftest import staff_of
from tests.cast import make_member, make_merchant

MARCH = {"first": "2026-03-01", "last": "2026-03-31"}


@pytest.fixture
def stamp(alice, counter, noon):
    def one(order, *, member=alice, count=1, days=0):
        return stamps.add(
            member=member, store=counter, count=count, order_reference=order, at=noon + timedelta(days=days)
        )

    return one


def test_points_and_enrolments_of_a_period_by_day_store_and_merchant(analyst, program, alice, buy, counter, noon):
    bob = make_member(program, "bob", at=noon + timedelta(days=1))
    buy(order="W-1")
    buy("10.00", order="W-2", days=1)
    buy("2.00", order="W-3", days=1, member=bob)
    buy("99.00", order="W-9", days=60)
    points.adjust(member=alice, points=-5, reason="x", actor=None, key=None, at=noon + timedelta(days=2))
    redemptions.redeem(member=alice, store=counter, points=30, order_reference="R-1", at=noon + timedelta(days=2))

    stats = analyst.get("stats", **MARCH).json()

    totals = stats["totals"]
    assert (totals["pointsIssued"], totals["pointsRedeemed"], totals["pointsCorrected"]) == (165, 30, -5)
    assert (totals["enrolments"], totals["redemptionRatio"]) == (2, 0.1818)
    days = {day["day"]: day for day in stats["byDay"]}
    assert len(days) == 31
    assert [days[day]["pointsIssued"] for day in ("2026-03-01", "2026-03-02", "2026-03-03")] == [0, 45, 120]
    assert [days[day]["enrolments"] for day in ("2026-03-02", "2026-03-03")] == [1, 1]
    stores = {store["store"]: store for store in stats["byStore"]}
    assert (stores["counter"]["pointsIssued"], stores["counter"]["pointsRedeemed"]) == (165, 30)
    assert stores[None]["pointsCorrected"] == -5
    [cafe] = stats["byMerchant"]
    assert (cafe["merchant"], cafe["pointsIssued"], cafe["enrolments"]) == ("cafe", 165, 2)
    assert cafe["walletAdoption"] == {"members": 2, "passes": 0}


def test_issued_less_redeemed_and_expired_and_corrected_is_what_balances_moved_by(analyst, alice, buy, counter, noon):
    buy()
    points.adjust(member=alice, points=7, reason="x", actor=None, key=None, at=noon)
    redemptions.redeem(member=alice, store=counter, points=12, order_reference="R-1", at=noon)

    totals = analyst.get("stats", **MARCH).json()["totals"]

    moved = totals["pointsIssued"] - totals["pointsRedeemed"] - totals["pointsExpired"] + totals["pointsCorrected"]
    alice.refresh_from_db()
    assert moved == alice.points_balance == 40


def test_a_day_is_a_day_of_the_programs_zone(analyst, program, buy, noon):
    program.time_zone = "Pacific/Auckland"
    program.save()
    buy()

    days = {day["day"]: day["pointsIssued"] for day in analyst.get("stats", **MARCH).json()["byDay"]}

    assert (days["2026-03-02"], days["2026-03-03"]) == (0, 45)


def test_stamp_completion_is_the_share_of_stamped_members_with_a_full_card(analyst, program, stamp, noon):
    bob = make_member(program, "bob")
    stamp("S-1", count=10)
    stamp("S-2", member=bob, count=3)

    [cafe] = analyst.get("stats", **MARCH).json()["byMerchant"]

    assert cafe["stampCompletion"] == {"of": 2, "those": 1, "ratio": 0.5}
    assert cafe["stamps"] == 13


def test_month_3_retention_is_the_share_who_came_in_the_third_month_after_their_first(
    analyst, program, alice, buy, noon
):
    """Both came in March; Alice came again in June."""
    bob, carol = (make_member(program, name) for name in ("bob", "carol"))
    buy(order="W-1")
    buy(order="W-2", member=bob, days=20)
    # Carol's first month is May, and Bob comes one month too late.
    buy(order="W-3", member=carol, days=70)
    buy(order="W-4", days=95)
    buy(order="W-5", member=bob, days=125)

    [later] = analyst.get("stats", first="2026-06-15", last="2026-06-30").json()["byMerchant"]
    [earlier] = analyst.get("stats", first="2026-06-01", last="2026-06-29").json()["byMerchant"]

    assert later["retentionMonth3"] == {"of": 2, "those": 1, "ratio": 0.5}
    assert earlier["retentionMonth3"] == {"of": 0, "those": 0, "ratio": None}
    assert later["activeMembers"] == 0
    assert earlier["activeMembers"] == 1


def test_an_enrolment_is_of_the_store_of_the_first_entry(analyst, program, alice, buy):
    make_member(program, "bob")
    buy()

    stats = analyst.get("stats", **MARCH).json()

    stores = {store["store"]: store for store in stats["byStore"]}
    assert {name: store["enrolments"] for name, store in stores.items()} == {"counter": 1, None: 1}
    assert stores["counter"]["transactions"] == 1
    assert stats["totals"]["enrolments"] == 2


def test_liability_is_by_month_of_expiry_and_worth_money(analyst, program, alice, buy, noon):
    program.expiry_policy, program.points_valid_days, program.point_value = ExpiryPolicy.LOTS, 30, Decimal("0.01")
    program.save()
    alice.program = program
    buy(order="W-1", member=alice)
    buy("10.00", order="W-2", member=alice, days=40)

    [owed] = analyst.get("stats", **MARCH).json()["byMerchant"][0]["liability"]

    assert owed == {
        "programId": str(program.pk),
        "currency": "EUR",
        "points": 145,
        "value": "1.45",
        "byMonth": [
            {"month": "2026-04", "points": 45, "value": "0.45"},
            {"month": "2026-05", "points": 100, "value": "1.00"},
        ],
    }


@pytest.mark.parametrize(
    ("policy", "active", "month"),
    [("inactivity", True, "2026-04"), ("none", True, None), ("inactivity", False, None)],
)
def test_points_without_a_date_fall_due_with_inactivity_or_never(analyst, program, alice, buy, policy, active, month):
    program.expiry_policy, program.points_expiration_days = policy, 30
    program.save()
    buy()
    type(alice).objects.filter(pk=alice.pk).update(is_active=active)

    [owed] = analyst.get("stats", **MARCH).json()["byMerchant"][0]["liability"]

    assert [part["month"] for part in owed["byMonth"]] == [month]


@pytest.mark.parametrize(
    "query",
    [
        {"first": "2026-03-02", "last": "2026-03-01"},
        {"first": "2025-01-01", "last": "2026-03-01"},
        {"first": "9999-12-31"},
        {"first": "0001-01-01", "last": "0001-01-02"},
        {"last": "yesterday"},
    ],
)
def test_a_period_that_is_none_is_refused(analyst, query):
    assert analyst.get("stats", **query).status_code == 400


def test_a_merchants_figures_are_its_own(analyst, platform, buy, bookworm, bookshop):
    buy()

    own = analyst.get("stats", **MARCH).json()

    assert [one["merchant"] for one in own["byMerchant"]] == ["cafe"]
    assert analyst.get("stats", merchant="bookshop").status_code == 404
    assert len(platform.get("stats", **MARCH).json()["byMerchant"]) == 2


def test_every_scheduled_job_says_how_it_is(platform, analyst):
    sync()
    with runs.record("outbox.purge", trigger=Run.Trigger.SCHEDULE) as run:
        run.counts = {"events": 3}
    with pytest.raises(RuntimeError), runs.record("outbox.purge", trigger=Run.Trigger.SCHEDULE):
        raise RuntimeError("the disk is full")

    jobs = {job["job"]: job for job in platform.get("jobs").json()["jobs"]}

    assert set(jobs) == set(SCHEDULES)
    purge = jobs["outbox.purge"]
    assert (purge["status"], purge["schedule"]) == ("failed", "10 4 * * *")
    assert purge["error"].startswith("RuntimeError: the disk is full")
    assert purge["lastSuccessAt"] is not None
    assert purge["secondsSinceSuccess"] >= 0
    assert purge["nextRunAt"] > timezone.now().isoformat()[:10]
    assert jobs["loyalty.reconcile"]["status"] is None
    of_analyst = {job["job"]: job for job in analyst.get("jobs").json()["jobs"]}
    assert (of_analyst["outbox.purge"]["status"], of_analyst["outbox.purge"]["error"]) == ("failed", None)


def test_books_that_balance_say_so(analyst, alice, buy, bookshop):
    buy()

    found = analyst.get("reconciliation").json()

    assert found["isBalanced"] is True
    [cafe] = found["merchants"]
    assert (cafe["merchant"], cafe["balance"], cafe["entries"], cafe["undated"], cafe["dated"]) == (
        "cafe",
        45,
        45,
        45,
        0,
    )
    assert (cafe["differences"], cafe["isComplete"]) == ([], True)


def test_every_difference_is_named_by_member(own_database, owner_connection, noon):
    program = make_merchant("cafe")
    counter = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    alice = make_member(program, "alice")
    points.earn(member=alice, store=counter, amount=Decimal("4.50"), order_reference="W-1", at=noon)
    analyst = staff_of(program.merchant, "analyst")
    owner_connection.execute("UPDATE loyalty_members SET points_balance = 50")

    found = analyst.get("reconciliation").json()

    assert found["isBalanced"] is False
    [cafe] = found["merchants"]
    difference = {"memberId": str(alice.pk), "cardNumber": alice.card_number, "check": "balance"}
    assert difference | {"kept": 50, "ledger": 45} in cafe["differences"]
