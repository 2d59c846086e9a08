"""How often one change asks the database, besides BEGIN and COMMIT, and what it leaves of the members' table."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty.models import Member
from loyalty.operations import points, redemptions, refunds, stamps
from loyalty_site.outbox.models import OutboxEvent
from tests.bench import people


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


def test_an_earn_and_its_news_are_one_statement(member, counter, noon):
    statements = asked(
        lambda: points.earn(member=member, store=counter, amount=Decimal(5), order_reference="W-1", at=noon)
    )

    assert len(statements) == 1, statements


def test_a_retry_reads_the_first_entry(member, counter, noon):
    def buy():
        return points.earn(member=member, store=counter, amount=Decimal(5), order_reference="W-1", at=noon)

    buy()

    assert len(asked(buy)) <= 2


def test_a_redemption_its_entry_and_all_their_news_are_one_statement(member, counter, noon):
    statements = asked(
        lambda: redemptions.redeem(member=member, store=counter, points=5, order_reference="R-1", at=noon)
    )

    assert len(statements) == 1, statements
    kinds = set(OutboxEvent.objects.values_list("kind", flat=True))
    assert {"loyalty.redemption_requested", "loyalty.redemption_fulfilled", "loyalty.points_redeemed"} <= kinds


def test_a_hold_and_its_news_are_one_statement(member, noon):
    statements = asked(lambda: redemptions.hold(member=member, points=5, at=noon))

    assert len(statements) == 1, statements


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


def test_earns_are_heap_only_updates(make_crowd, noon):
    # As many as leave room on their page for one update each, so that it does not matter when old versions go.
    program = make_crowd(people.Crowd(members=15, active_at=noon - timedelta(days=1)))
    store = program.merchant.stores.create(reference="till", name="Till")
    for number, member in enumerate(Member.objects.select_related("program", "tier")):
        points.earn(member=member, store=store, amount=Decimal(5), order_reference=f"W-{number}", at=noon)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    with connection.cursor() as cursor:
        cursor.execute("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'loyalty_members'")
        updated, hot = cursor.fetchone()

    # No index follows what an earn moves.
    assert (updated, hot) == (15, 15)


def test_an_entry_just_posted_needs_no_reading_back(member, counter, noon):
    entry = points.earn(member=member, store=counter, amount=Decimal(5), order_reference="W-1", at=noon)

    assert entry.get_deferred_fields() == set()
    assert {**vars(entry), "_state": None, "fingerprint": bytes(entry.fingerprint)} == {
        **vars(type(entry).objects.get(pk=entry.pk)),
        "_state": None,
        "fingerprint": bytes(entry.fingerprint),
    }
