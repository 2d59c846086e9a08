"""The statements of nudges stay on their indexes: they look at whoever has something, and at nobody else."""

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import transaction

from loyalty.operations import walking
from notifications.nudges import aggregating, campaigns, dispatching, refreshing, signals, walks
from tests.bench import people
from tests.bench.nudges import CONSENT, INTENTS
from tests.cast import NOON, make_merchant
from tests.performance.plans import looked_at, plan_of, read_through

MEMBERS = 100_000
ONE_IN = 10
NOTHING = UUID(int=0)

# Of a page each: programs and rewards of the merchants there are, and tables that are empty here.
SMALL = {"loyalty_programs", "loyalty_rewards", "loyalty_redemptions", "message_preferences"}

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def made(make_modules_crowd, modules_database):
    """A hundred thousand members; one in ten has points that expire in three days and something left at a checkout.

    With their nudges, beside as many of another merchant and ten times as many that are over.
    """
    soon, late = NOON + timedelta(days=3), NOON + timedelta(days=300)
    crowd = people.Crowd(
        members=MEMBERS, active_at=NOON - timedelta(days=30), points=100, lot_at=late, every=ONE_IN, other_lot_at=soon
    )
    program = make_modules_crowd(crowd, expiry_policy="lots")
    asked = {"at": NOON, "soon": soon, "program": program.pk, "merchant": program.merchant_id}
    other = make_merchant("other").merchant
    with psycopg.connect(modules_database.owner_url, autocommit=True) as owner:
        owner.execute(CONSENT, asked)
        owner.execute(INTENTS, asked)
        owner.execute("VACUUM ANALYZE")
        aggregating.aggregate(merchants=[program.merchant], at=NOON)
        for merchant, status, copies in ((other.pk, "active", 1), (program.merchant_id, "expired", 5)):
            owner.execute(
                """
                INSERT INTO loyalty_nudges (id, merchant_id, member_id, nudge_type, source_id, status, campaign_slug,
                    channels, priority, payload, created_at, expires_at, last_triggered_at, sends)
                SELECT gen_random_uuid(), %s, member_id, nudge_type, gen_random_uuid()::text, %s, campaign_slug,
                       channels, priority, payload, created_at, expires_at, last_triggered_at, 0
                  FROM loyalty_nudges, generate_series(1, %s) WHERE merchant_id = %s AND status = 'active'""",
                [merchant, status, copies, program.merchant_id],
            )
        owner.execute("VACUUM ANALYZE loyalty_nudges")
    return program


@pytest.fixture
def nudged(made, undone):
    return made


@pytest.mark.parametrize(("table", "status"), walks._ALONG)
def test_each_walk_goes_along_its_partial_index(nudged, table, status):
    asked = {"merchant": nudged.merchant_id, "after": NOTHING, "chunk": 1000}
    with transaction.atomic():
        nodes = plan_of(walks.along_query(table, status), asked, walking.pin_the_walk)

    assert read_through(nodes) == set()
    assert "Sort" not in {node["Node Type"] for node in nodes}
    # Two nudges a member.
    assert looked_at(nodes, table) <= 2002


def test_the_walk_over_points_that_expire_looks_at_each_member_once(nudged, noon):
    soon = walks.Soon(nudged, noon)
    with transaction.atomic():
        asked = soon.parameters | {"after": NOTHING, "chunk": 1000}
        nodes = plan_of(walking.next_chunk_query(soon.condition), asked, walking.pin_the_walk)

    assert read_through(nodes) == set()
    assert looked_at(nodes, "loyalty_members") == 1000 * ONE_IN


def test_a_chunk_reads_its_own_members_alone(nudged, noon):
    ids = [people.member_id(1, number * ONE_IN) for number in range(1, 501)]
    with transaction.atomic():
        nodes = plan_of(refreshing.READ, signals.parameters(ids, noon), walking.pin_nested_loops)

    # What it has of nudges may come by a bitmap of their index.
    assert read_through(nodes) <= SMALL | {"loyalty_nudges"}
    assert looked_at(nodes, "loyalty_members") <= 4 * 500
    assert looked_at(nodes, "loyalty_point_expirations") <= 500
    assert looked_at(nodes, "loyalty_checkout_intents") <= 500
    # With the copies of another merchant, and those that are over.
    assert looked_at(nodes, "loyalty_nudges") == 500 * 2 * 7


def test_a_members_feed_reads_that_member_alone(nudged, noon):
    asked = signals.parameters([people.member_id(1, ONE_IN)], noon)
    with transaction.atomic():
        nodes = plan_of(refreshing.READ, asked, lambda cursor: None)

    assert read_through(nodes) <= SMALL | {"loyalty_nudges"}
    assert looked_at(nodes, "loyalty_members") <= 4
    assert looked_at(nodes, "loyalty_nudges") == 14


@pytest.mark.parametrize("after", [NOTHING, people.member_id(1, MEMBERS // 2)])
def test_a_chunk_to_send_is_claimed_along_the_active_nudges(nudged, noon, after):
    speaking = campaigns.in_force(nudged.merchant_id, at=noon)
    asked = dispatching._asked(nudged.merchant_id, speaking, noon) | {"after": after, "chunk": 500}
    with transaction.atomic():
        nodes = plan_of(dispatching.CLAIM, asked, dispatching.pin)
        transaction.set_rollback(True)

    assert read_through(nodes) <= SMALL
    assert looked_at(nodes, "loyalty_members") <= 600
    # Once to be found, once to be locked, once to be marked; a few more to end the last member's.
    assert looked_at(nodes, "loyalty_nudges") <= 3 * 500 + 600


def test_who_was_told_before_is_looked_up_for_the_chunk_alone(nudged, noon):
    """Not passed again from the first on: the last chunk of a million would cost as much as all before it."""
    dispatching.dispatch(merchants=[nudged.merchant], at=noon)
    later = noon + timedelta(hours=13)
    aggregating.aggregate(merchants=[nudged.merchant], at=later)
    speaking = campaigns.in_force(nudged.merchant_id, at=later)
    asked = dispatching._asked(nudged.merchant_id, speaking, later)
    with transaction.atomic():
        nodes = plan_of(
            dispatching.CLAIM, asked | {"after": people.member_id(1, MEMBERS // 2), "chunk": 500}, dispatching.pin
        )
        transaction.set_rollback(True)

    # Once to be looked up, once to be written.
    assert looked_at(nodes, "loyalty_nudge_exposures") <= 2 * 600


def test_the_walk_over_points_that_expire_does_not_pass_what_it_has_behind_it(nudged, noon):
    soon = walks.Soon(nudged, noon)
    with transaction.atomic():
        asked = soon.parameters | {"after": people.member_id(1, MEMBERS * 9 // 10), "chunk": 1000}
        nodes = plan_of(walking.next_chunk_query(soon.condition), asked, walking.pin_the_walk)

    assert looked_at(nodes, "loyalty_members") <= MEMBERS // 10
    assert looked_at(nodes, "loyalty_point_expirations") <= MEMBERS // 10
