"""A difference between a kept figure and the ledger is found, named and mended."""

import pytest
from django.db import connection

from loyalty.models import ExpiryPolicy, Member
from loyalty.operations import redemptions, stamps
from loyalty.queries import reconciliation
from tests.cast import make_member, make_merchant
from tests.loyalty.test_expiration import policy

# What only the owner of the tables could do.
UNGUARDED = "ALTER TABLE loyalty_ledger_entries DISABLE TRIGGER USER"


@pytest.fixture
def busy(own_database, noon):
    """A member with purchases, lots, stamps, an open hold and a redemption; commits are real."""
    from decimal import Decimal

    from loyalty.operations import points

    program = make_merchant("cafe")
    member = make_member(program, "alice")
    policy(member, ExpiryPolicy.LOTS)
    counter = program.merchant.stores.create(reference="counter", name="Counter")
    for order in range(3):
        points.earn(member=member, store=counter, amount=Decimal(10), order_reference=str(order), at=noon)
    stamps.add(member=member, store=counter, at=noon, count=4)
    redemptions.redeem(member=member, store=counter, points=120, order_reference="T", at=noon)
    redemptions.hold(member=member, points=50, at=noon)
    return member


def test_books_that_balance_have_no_differences(busy):
    assert list(reconciliation.differences()) == []
    assert list(reconciliation.differences(busy.merchant)) == []


@pytest.mark.parametrize(
    ("damage", "checks"),
    [
        ("UPDATE loyalty_members SET points_balance = 500", {"balance"}),
        ("UPDATE loyalty_members SET points_held = 49", {"held"}),
        ("UPDATE loyalty_members SET lifetime_points = 1", {"lifetime"}),
        ("UPDATE loyalty_members SET stamp_count = 9", {"stamps"}),
        ("UPDATE loyalty_members SET last_number = 99", {"last_number"}),
    ],
)
def test_a_figure_changed_past_the_ledger_is_found_and_mended(busy, owner_connection, damage, checks):
    owner_connection.execute(damage)

    found = list(reconciliation.differences())
    mended = reconciliation.mend(difference.member_id for difference in found)

    assert {difference.check for difference in found} == checks
    assert {difference.card_number for difference in found} == {busy.card_number}
    assert mended == 1
    assert list(reconciliation.differences()) == []


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("UPDATE loyalty_point_expirations SET consumed = 0 WHERE consumed BETWEEN 1 AND 99", "lot "),
        (
            f"{UNGUARDED}; UPDATE loyalty_ledger_entries SET points_balance_after = 1 WHERE number = 2",
            "chain of entry 2",
        ),
        (f"{UNGUARDED}; DELETE FROM loyalty_ledger_entries WHERE number = 4", "entries"),
        ("UPDATE loyalty_point_expirations SET points = 9000 WHERE status = 'scheduled'", "dated points"),
    ],
)
def test_damage_to_entries_and_lots_is_found(busy, owner_connection, damage, check):
    owner_connection.execute(damage)

    found = [difference.check for difference in reconciliation.differences()]

    assert any(name.startswith(check) for name in found), found


def test_differences_of_another_merchant_are_not_shown(busy, owner_connection):
    other = make_merchant("bookshop")
    owner_connection.execute("UPDATE loyalty_members SET points_balance = 500")

    assert list(reconciliation.differences(other.merchant)) == []
    assert Member.objects.count() == 1


def test_the_runtime_role_cannot_mend_but_to_the_truth(busy):
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_mend_v1(%s)", [[busy.pk]])
        assert cursor.fetchone()[0] == 0
