"""How often one change asks the database, besides BEGIN and COMMIT, and what it leaves of the members' table."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty.models import Member
from loyalty.operations import points, redemptions, refunds, stamps


def asked(change):
    """The statements of a change, without those that begin and end its transaction."""
    with CaptureQueriesContext(connection) as captured:
        change()
    edges = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return [query["sql"] for query in captured if not query["sql"].startswith(edges)]


@pytest.fixture
def member(alice, buy):
    """Alice, with points, as a door hands her to an operation."""
    buy("50.00", order="W-0")
    found = Member.objects.select_related("program", "tier", "customer").get(pk=alice.pk)
    # Who read the ladder of tiers once has it.
    assert found.program.ladder == []
    return found


def test_an_earn_is_the_ledger_and_its_news(member, counter, noon):
    statements = asked(
        lambda: points.earn(member=member, store=counter, amount=Decimal(5), order_reference="W-1", at=noon)
    )

    assert len(statements) == 2, statements


def test_a_retry_reads_the_first_entry(member, counter, noon):
    def buy():
        return points.earn(member=member, store=counter, amount=Decimal(5), order_reference="W-1", at=noon)

    buy()

    assert len(asked(buy)) <= 2


def test_a_redemption_asks_three_times(member, counter, noon):
    statements = asked(
        lambda: redemptions.redeem(member=member, store=counter, points=5, order_reference="R-1", at=noon)
    )

    assert len(statements) == 3, statements


def test_a_refund_asks_six_times_at_most(member, counter, noon):
    statements = asked(
        lambda: refunds.refund(
            member=member, store=counter, amount=Decimal(5), order_reference="W-0", refund_reference="F-1", at=noon
        )
    )

    assert len(statements) <= 6, statements


def test_a_stamp_asks_four_times_at_most(member, counter, noon):
    statements = asked(lambda: stamps.add(member=member, store=counter, order_reference="S-1", at=noon))

    assert len(statements) <= 4, statements


def test_earns_stay_heap_only_updates(own_database, noon):
    from tests.cast import make_member, make_merchant

    program = make_merchant("cafe")
    store = program.merchant.stores.create(reference="till", name="Till")
    members = [make_member(program, f"member-{number}") for number in range(20)]
    for number in range(200):
        points.earn(
            member=members[number % 20],
            store=store,
            amount=Decimal(5),
            order_reference=f"W-{number}",
            at=noon + timedelta(minutes=number),
        )

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    with connection.cursor() as cursor:
        cursor.execute("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'loyalty_members'")
        updated, hot = cursor.fetchone()

    # No index follows what an earn moves.
    assert updated >= 200
    assert hot >= 0.9 * updated
