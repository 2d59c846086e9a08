"""The statements of the night stay on their indexes, whatever share of the members is due."""

import resource
import tracemalloc
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty.operations import expiration, walking
from loyalty.operations.expiration import due
from loyalty.operations.expiration.due import Night
from loyalty_site.ids import new_id
from tests.bench import people
from tests.performance.plans import looked_at, plan_of, read_through

DAYS = 180
MEMBERS = 100_000
ONE_IN_A_HUNDRED = 100


@pytest.fixture
def lots_crowd(make_crowd, noon):
    """A hundred thousand members with a lot each; of one in a hundred it is due."""
    crowd = people.Crowd(
        members=MEMBERS,
        active_at=noon - timedelta(days=1),
        points=100,
        lot_at=noon + timedelta(days=90),
        every=ONE_IN_A_HUNDRED,
        other_lot_at=noon - timedelta(days=1),
    )
    return make_crowd(crowd, expiry_policy="lots", points_valid_days=DAYS)


@pytest.fixture
def inactive_crowd(make_crowd, noon):
    """A hundred thousand members, of whom one in a hundred has been away for too long."""
    crowd = people.Crowd(
        members=MEMBERS,
        active_at=noon - timedelta(days=1),
        points=100,
        every=ONE_IN_A_HUNDRED,
        other_at=noon - timedelta(days=DAYS + 1),
    )
    return make_crowd(crowd, expiry_policy="inactivity", points_expiration_days=DAYS)


@transaction.atomic
def walked(night, condition, after=0):
    """The plan of one step of the walk, from behind that member."""
    parameters = night.parameters | {"after": people.member_id(1, after), "chunk": 500}
    return plan_of(walking.next_chunk_query(condition), parameters, walking.pin_the_walk)


@pytest.mark.long
@pytest.mark.parametrize("after", [0, MEMBERS // 2])
def test_the_walk_goes_by_the_index_and_looks_at_each_member_once(inactive_crowd, noon, after):
    nodes = walked(Night(inactive_crowd, noon), due.INACTIVE, after)

    assert read_through(nodes) == set()
    assert "Sort" not in {node["Node Type"] for node in nodes}
    # 500 that are due stand among 50,000.
    assert looked_at(nodes, "loyalty_members") <= 500 * ONE_IN_A_HUNDRED


@pytest.mark.long
@pytest.mark.parametrize("condition", [due.WITH_DUE_LOTS, due.WITH_LOTS_TO_WARN_OF])
def test_the_walk_over_lots_goes_by_the_indexes(lots_crowd, noon, condition):
    nodes = walked(Night(lots_crowd, noon), condition)

    assert read_through(nodes) == set()


@pytest.mark.long
def test_a_chunk_is_locked_and_posted_member_by_member(lots_crowd, noon):
    night = Night(lots_crowd, noon)
    ids = [people.member_id(1, number) for number in range(ONE_IN_A_HUNDRED, 501 * ONE_IN_A_HUNDRED, ONE_IN_A_HUNDRED)]
    parameters = night.parameters | {"ids": walking.array(ids), "run": new_id()}

    with transaction.atomic():
        lock = plan_of(walking.lock_query(due.WITH_DUE_LOTS), parameters, walking.pin_nested_loops)
        postings = plan_of(expiration.expiring.LOTS_POSTINGS, parameters, walking.pin_nested_loops)

    for nodes in (lock, postings):
        assert read_through(nodes) == set()
        assert looked_at(nodes, "loyalty_members") <= 2 * len(ids)
        assert looked_at(nodes, "loyalty_point_expirations") <= 2 * len(ids)


@pytest.mark.long
@pytest.mark.parametrize("crowd", ["inactive_crowd", "lots_crowd"])
def test_a_chunk_is_locked_in_one_statement_and_posted_and_told_of_in_another(request, crowd, noon):
    program = request.getfixturevalue(crowd)
    with CaptureQueriesContext(connection) as captured:
        counts = expiration.expire(programs=[program], at=noon, run_id=new_id(), warn=False)

    about_members = [query["sql"] for query in captured if "loyalty_members" in query["sql"]]
    assert counts["members"] == MEMBERS // ONE_IN_A_HUNDRED == 1000
    # Three looks for a chunk: two chunks were found, and then there was none.
    assert len(about_members) == 3 + 2 * 2


def test_a_night_over_whole_pages_is_heap_only_updates(make_crowd, noon):
    away = people.Crowd(members=400, active_at=noon - timedelta(days=DAYS + 1), points=100)
    program = make_crowd(away, expiry_policy="inactivity", points_expiration_days=DAYS)

    expiration.expire(programs=[program], at=noon, run_id=new_id())

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    with connection.cursor() as cursor:
        cursor.execute("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'loyalty_members'")
        updated, hot = cursor.fetchone()

    # All members of a page move in one transaction, before anything there can be cleaned up.
    assert (updated, hot) == (400, 400)


@pytest.mark.long
def test_a_night_needs_no_more_memory_for_more_members(inactive_crowd, noon):
    everybody_is_due = noon + timedelta(days=DAYS)
    expiration.expire(programs=[inactive_crowd], at=noon, run_id=new_id())

    tracemalloc.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts = expiration.expire(programs=[inactive_crowd], at=everybody_is_due, run_id=new_id())
    after, (_, peak) = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert counts["members"] == MEMBERS - MEMBERS // ONE_IN_A_HUNDRED
    assert peak < 5_000_000
    assert after - before < 20_000
