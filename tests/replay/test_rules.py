"""What the real orders do not tell apart: instants, ties and rows in an odd order (data/RULES.md)."""

from decimal import Decimal

import pytest

from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, PointLot
from tests.replay.shop import row, rules, when

LOTS = rules(ExpiryPolicy.LOTS)


@pytest.mark.parametrize("by", [rules(), LOTS], ids=["inactivity", "lots"])
@pytest.mark.parametrize(("second", "day"), [("02:00:00", 3), ("02:00:01", 4)])
def test_points_are_due_at_exactly_n_days(shop, by, second, day):
    shop.replay(row("1", "ann", f"01 {second}", "7.00"), row("2", "bob", "06 12:00:00", "1.00"), by=by)

    entry = LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED)
    assert (entry.points_delta, entry.occurred_at) == (-7, when(f"0{day} 02:00:00"))


def test_a_sale_of_nothing_is_activity(shop):
    found = shop.replay(
        row("1", "ann", "01 12:00:00", "7.00"),
        row("2", "ann", "03 12:00:00", "0.00"),
        row("3", "bob", "04 12:00:00", "1.00"),
    )

    assert found["points_expired"] == 0
    assert shop.balances() == {"ann": 7, "bob": 1}


def test_a_refund_is_no_activity(shop):
    shop.replay(
        row("1", "ann", "01 12:00:00", "7.00"),
        row("2", "ann", "03 12:00:00", "2.00", "refund"),
        row("3", "bob", "04 12:00:00", "1.00"),
    )

    assert shop.balances() == {"ann": 0, "bob": 1}
    assert LedgerEntry.objects.get(type=EntryType.POINTS_EXPIRED).points_delta == -5


def test_an_order_at_the_instant_of_a_run_comes_before_it(shop):
    found = shop.replay(
        row("1", "ann", "01 02:00:00", "7.00"),
        row("2", "ann", "03 02:00:00", "1.00"),
        row("3", "bob", "03 02:00:01", "1.00"),
    )

    assert found["points_expired"] == 0
    assert shop.balances()["ann"] == 8


def test_a_refund_at_the_instant_of_a_run_takes_before_it_expires(shop):
    found = shop.replay(
        row("1", "ann", "01 02:00:00", "7.00"),
        row("2", "ann", "03 02:00:00", "3.00", "refund"),
        row("3", "bob", "03 02:00:01", "1.00"),
        by=LOTS,
    )

    assert (found["refund_points_taken_back"], found["points_expired"]) == (3, 4)


def test_of_lots_of_one_second_the_lower_reference_is_taken_from_first(shop):
    found = shop.replay(
        row("B", "ann", "01 12:00:00", "10.00"),
        row("A", "ann", "01 12:00:00", "5.00"),
        row("C", "ann", "02 12:00:00", "5.00", "refund"),
        row("D", "bob", "05 12:00:00", "1.00"),
        by=LOTS,
    )

    assert (found["lots_expired"], found["points_expired"]) == (1, 10)
    assert [lot.status for lot in PointLot.objects.filter(points=5)] == ["cancelled"]


def test_at_one_second_a_sale_comes_before_a_refund_whatever_their_references(shop):
    found = shop.replay(row("A", "ann", "01 12:00:00", "5.00", "refund"), row("B", "ann", "01 12:00:00", "5.00"))

    assert (found["refund_points_taken_back"], found["refund_points_shortfall"]) == (5, 0)


def test_references_are_ordered_by_code_point_and_kept_as_they_are(shop):
    shop.replay(
        row("a", "ann", "01 12:00:00", "1.00"),
        row("Z", "007", "01 12:00:00", "2.00"),
        row("é", "ann", "01 12:00:00", "3.00"),
    )

    entries = LedgerEntry.objects.filter(type=EntryType.EARN).order_by("id")
    assert [entry.order_reference for entry in entries] == ["Z", "a", "é"]
    assert set(shop.balances()) == {"ann", "007"}


def test_a_refund_before_any_sale_makes_the_member_and_is_not_owed(shop):
    found = shop.replay(
        row("1", "ann", "01 12:00:00", "5.00", "refund", original="0"), row("2", "ann", "02 12:00:00", "3.99")
    )

    assert (found["refund_points_requested"], found["refund_points_shortfall"]) == (5, 5)
    assert shop.balances() == {"ann": 3}
    refund = LedgerEntry.objects.get(type=EntryType.REFUND)
    assert (refund.points_delta, refund.requested, refund.shortfall) == (0, 5, 5)
    assert (refund.order_reference, refund.metadata["original_order_ref"]) == ("", "0")


def test_a_guest_makes_a_store_and_counts_in_the_input_alone(shop):
    found = shop.replay(
        row("1", "", "01 12:00:00", "9.00", store="shop 1"),
        row("2", "ann", "02 12:00:00", "5.00"),
        row("3", "", "05 12:00:00", "2.00", "refund", store="shop 2"),
    )

    assert shop.report["input"]["as_of"] == "2020-01-06T02:00:00Z"
    assert shop.report["input"]["by_kind"]["sale_guest"] == {"orders": 1, "total": "9.00"}
    assert set(shop.program.merchant.stores.values_list("reference", flat=True)) == {"shop 1", "shop 2", "web"}
    assert found["points_issued"] == 5
    assert shop.balances() == {"ann": 0}


def test_a_file_of_guests_alone_makes_no_member(shop):
    found = shop.replay(row("1", "", "01 12:00:00", "9.00"))

    assert (found["points_issued"], found["top10_balances"], shop.balances()) == (0, [], {})
    assert shop.report["cohorts"]["month_3_all_complete_cohorts"]["retention_pct"] is None


def test_the_last_run_is_strictly_after_the_last_order(shop):
    found = shop.replay(row("1", "ann", "01 02:00:00", "5.00"), row("2", "ann", "03 02:00:00", "5.00", "refund"))

    assert shop.report["input"]["as_of"] == "2020-01-04T02:00:00Z"
    assert list(found["outstanding_after_run"]) == ["2020-01-01T02:00:00Z", "2020-01-04T02:00:00Z"]
    assert list(found["outstanding_after_run"].values()) == [5, 0]


def test_a_rate_is_a_decimal_and_points_are_floored(shop):
    shop.replay(
        row("1", "ann", "01 12:00:00", "3.99"),
        row("2", "ann", "01 13:00:00", "1.33", "refund"),
        by=rules(rate=Decimal("1.5")),
    )

    assert shop.balances() == {"ann": 5 - 1}


def test_without_expiry_everything_stays(shop):
    found = shop.replay(
        row("1", "ann", "01 12:00:00", "5.00"),
        row("2", "bob", "31 12:00:00", "1.00"),
        by=rules(ExpiryPolicy.NONE, None),
    )

    assert (found["points_outstanding"], found["expiry_events"]) == (6, 0)
    assert "rule_a_no_expiry" in shop.report


def test_a_full_card_is_redeemed_at_once_and_a_refund_takes_no_stamp_back(shop):
    shop.replay(
        *(row(str(number), "ann", f"01 12:00:0{number}", "5.00") for number in range(4)),
        row("small", "ann", "01 13:00:00", "4.99"),
        row("back", "ann", "01 14:00:00", "5.00", "refund"),
    )

    assert shop.report["others"]["stamps"] == {
        "stamps": 4,
        "completed_cards": 1,
        "members_with_a_completed_card": 1,
        "stamps_on_open_cards": 1,
    }
    redeemed = LedgerEntry.objects.get(type=EntryType.STAMP_REDEEMED)
    assert (redeemed.stamps_delta, redeemed.stamps_balance_after, redeemed.occurred_at) == (-3, 0, when("01 12:00:02"))


def test_no_stamps_are_given_where_none_are_wanted(shop):
    shop.replay(row("1", "ann", "01 12:00:00", "5.00"), by=rules(stamp_min=None))

    assert "stamps" not in shop.report["others"]
    assert not LedgerEntry.objects.filter(type=EntryType.STAMP_EARNED).exists()


def test_who_last_bought_exactly_90_days_ago_has_left(shop):
    def first_of(month):
        return f"1,ann,web,2020-01-01T02:00:00Z,1.00,GBP,sale,,1,1\n2,bob,web,2020-{month}T12:00:00Z,1.00,GBP,sale,,1,1"

    shop.replay(first_of("03-30"))  # as of 31 March, 02:00: 90 days after 1 January, 02:00

    assert shop.report["others"]["churned_90d"] == 1
