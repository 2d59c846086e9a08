"""Earning, awarding and correcting points (specs: "Earning", "References and keys", "Lifetime points")."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty import ledger
from loyalty.events import PointsEarned
from loyalty.models import EntryType, LedgerEntry, Program, Tier
from loyalty.operations import cards, points
from loyalty.operations.orders import CurrencyMismatch, InvalidAmount, InvalidPoints, InvalidReference
from loyalty.operations.points import ProgramInactive, ReasonMissing
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import make_member, refused


def test_one_order_earns_once_when_the_till_retries(alice, buy):
    first, retry = buy(), buy()

    alice.refresh_from_db()
    assert retry.pk == first.pk
    assert alice.points_balance == 45
    assert OutboxEvent.objects.filter(kind=PointsEarned.kind).count() == 1


@pytest.mark.parametrize("other", [{"amount": "4.60"}, {"store": "web"}])
def test_the_same_order_with_another_amount_or_store_is_refused(alice, buy, cafe, other):
    buy("4.50")
    if "store" in other:
        other = {"store": cafe.stores.create(reference="web", name="Web")}

    with refused(ledger.KeyReused) as caught:
        buy(**other)

    assert caught.value.status == 422
    assert caught.value.code == "idempotency_key_reused"


def test_a_retry_after_a_tier_upgrade_is_the_same_request(alice, buy, program):
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=40, multiplier=2)
    first = buy()
    alice.refresh_from_db()
    assert alice.tier is not None

    assert buy(member=alice).pk == first.pk


def test_an_order_used_by_another_member_is_refused(alice, buy, program):
    buy()
    bob = make_member(program, "bob")

    with refused(ledger.OrderAlreadyUsed):
        buy(member=bob)


def test_two_merchants_may_use_the_same_order_number(buy, bookworm, noon):
    buy()
    shop = bookworm.merchant.stores.create(reference="1", name="Shop")

    entry = points.earn(member=bookworm, store=shop, amount=Decimal(2), order_reference="W-1001", at=noon)

    assert entry.points_delta == 20


@pytest.mark.parametrize(
    ("amount", "rate", "multiplier", "earned"),
    [
        ("4.59", "1", "1", 4),
        ("0.99", "1", "1", 0),
        ("10.00", "0.33", "1.5", 4),
        ("0.29", "100", "1", 29),
        ("1.10", "3", "1.1", 3),
        ("9999999999.99", "1", "1", 9999999999),
    ],
)
def test_points_are_the_floor_of_amount_times_rate_times_multiplier(
    program, alice, buy, amount, rate, multiplier, earned
):
    Program.objects.filter(pk=program.pk).update(points_per_unit=Decimal(rate))
    tier = Tier.objects.create(
        program=program, slug="t", name="T", point_threshold=0, multiplier=Decimal(multiplier), is_active=False
    )
    alice.tier = tier
    alice.save(update_fields=["tier"])
    alice.program.refresh_from_db()

    assert buy(amount).points_delta == earned


def test_the_entry_keeps_what_was_reckoned_with(program, buy, counter, noon):
    entry = buy("12.50")

    assert entry.type == EntryType.EARN
    assert entry.metadata == {
        "amount": "12.50",
        "currency": "EUR",
        "rule": "amount x rate x multiplier",
        "rate": "10",
        "multiplier": "1",
    }
    stored = LedgerEntry.objects.get(pk=entry.pk)
    assert (stored.store_id, stored.order_reference, stored.occurred_at) == (counter.pk, "W-1001", noon)
    assert (stored.points_balance_after, stored.number, stored.lifetime_delta) == (125, 1, 125)
    assert stored.created_at == entry.created_at


def test_the_multiplier_is_that_of_the_tier_before_the_purchase(program, alice, buy):
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=100, multiplier=3)

    first = buy("20.00", order="1")
    second = buy("1.00", order="2")

    assert (first.points_delta, second.points_delta) == (200, 30)


@pytest.mark.parametrize(
    ("rules", "amount", "earned", "why"),
    [
        ({"minimum_purchase": Decimal("5.00")}, "4.99", 0, "below_minimum"),
        ({"minimum_purchase": Decimal("5.00")}, "5.00", 50, None),
        ({"points_per_unit": Decimal("0.1")}, "4.99", 0, "less_than_a_point"),
        ({"max_points_per_order": 30}, "4.50", 30, None),
        ({"max_points_per_order": 0}, "4.50", 0, "cap_reached"),
    ],
)
def test_minimum_and_cap_an_order(alice, buy, rules, amount, earned, why):
    Program.objects.update(**rules)
    alice.program.refresh_from_db()

    entry = buy(amount)

    assert entry.points_delta == earned
    assert entry.metadata.get("nothing_for") == why


def test_the_cap_a_day_counts_the_programs_own_day(alice, buy, noon):
    Program.objects.update(max_points_per_day=100, time_zone="Europe/Luxembourg")
    alice.program.refresh_from_db()

    evening = buy("8.00", order="1", occurred_at=noon.replace(hour=22, minute=59))
    capped = buy("8.00", order="2", occurred_at=noon.replace(hour=22, minute=59))
    next_day = buy("8.00", order="3", occurred_at=noon.replace(hour=23))

    assert [entry.points_delta for entry in (evening, capped, next_day)] == [80, 20, 80]
    assert capped.metadata["cap"] == {"of": "day", "left": 20, "before": 80}


def test_an_order_that_earns_nothing_is_activity_all_the_same(alice, buy, noon):
    entry = buy("0.00", days=3)

    alice.refresh_from_db()
    assert (entry.points_delta, entry.number) == (0, 1)
    assert alice.last_activity_at == noon + timedelta(days=3)


def test_the_clock_never_goes_back(alice, buy, noon):
    buy(order="1", days=3)
    buy(order="2", days=1)

    alice.refresh_from_db()
    assert alice.last_activity_at == noon + timedelta(days=3)


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "sNaN", "Infinity", "1.001", "10000000000.00"])
def test_what_is_no_amount_earns_nothing(alice, buy, amount):
    with refused(InvalidAmount):
        buy(amount)

    alice.refresh_from_db()
    assert alice.last_number == 0


@pytest.mark.parametrize("order", ["", "x" * 65, "a\x00b", "a\nb"])
def test_what_is_no_reference_is_refused(buy, order):
    with refused(InvalidReference):
        buy(order=order)


def test_another_currency_is_refused(buy):
    assert buy(currency="EUR").points_delta == 45

    with refused(CurrencyMismatch):
        buy(order="2", currency="GBP")


def test_an_inactive_card_earns_nothing_but_answers_a_retry(alice, buy, noon):
    first = buy()
    cards.deactivate(member=alice, at=noon)

    assert buy().pk == first.pk
    with refused(ledger.CardInactive):
        buy(order="2")


def test_an_inactive_program_earns_nothing(alice, buy):
    Program.objects.update(is_active=False)
    alice.program.refresh_from_db()

    with refused(ProgramInactive):
        buy()


def test_a_preview_says_what_a_purchase_would_earn_and_writes_nothing(alice, noon):
    worth = points.preview(member=alice, amount=Decimal("4.50"), at=noon)

    assert worth.points == 45
    assert LedgerEntry.objects.count() == 0


def test_an_award_is_given_once_and_is_no_activity(alice, noon):
    award = {"member": alice, "type": EntryType.TIER_BONUS, "points": 10, "key": f"streak:{alice.pk}:2026-W10"}

    first = points.award(**award, at=noon + timedelta(days=1))
    again = points.award(**award, at=noon + timedelta(days=2))

    alice.refresh_from_db()
    assert again.pk == first.pk
    assert (alice.points_balance, alice.lifetime_points, alice.last_activity_at) == (10, 10, noon)


def test_an_adjustment_leaves_lifetime_and_clock_alone(alice, buy, noon):
    buy()

    for change in (100, -45):
        points.adjust(member=alice, points=change, reason="counted twice", actor=None, key=None, at=noon + timedelta(1))

    alice.refresh_from_db()
    assert (alice.points_balance, alice.lifetime_points, alice.last_activity_at) == (100, 45, noon)


def test_an_adjustment_never_goes_below_what_is_there(alice, buy, noon):
    buy()

    with refused(ledger.InsufficientPoints) as caught:
        points.adjust(member=alice, points=-46, reason="too much", actor=None, key=None, at=noon)

    assert caught.value.facts["available"] == 45


@pytest.mark.parametrize("wrong", [0, 10**12 + 1, True, 1.5])
def test_what_are_no_points_is_refused(alice, noon, wrong):
    with refused(InvalidPoints):
        points.adjust(member=alice, points=wrong, reason="why", actor=None, key=None, at=noon)


def test_an_adjustment_wants_a_reason(alice, noon):
    with refused(ReasonMissing):
        points.adjust(member=alice, points=1, reason="  ", actor=None, key=None, at=noon)
