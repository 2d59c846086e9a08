"""Earning, awarding and correcting points."""

import pytest

from loyalty import ledger
from loyalty.operations.orders import InvalidAmount
from tests.cast import refused


def test_one_order_earns_once_when_the_till_retries(alice, buy):
    first, retry = buy(), buy()

    alice.refresh_from_db()
    assert retry.pk == first.pk
    assert alice.points_balance == 45


def test_the_same_order_with_another_amount_is_refused(alice, buy):
    buy("4.50")

    with refused(ledger.KeyReused):
        buy("4.60")


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1.001", "10000000000.00"])
def test_what_is_no_amount_earns_nothing(alice, buy, amount):
    with refused(InvalidAmount):
        buy(amount)

    alice.refresh_from_db()
    assert alice.last_number == 0
