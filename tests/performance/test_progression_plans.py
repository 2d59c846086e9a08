"""The statements of the hourly progression stay on their indexes, whatever share of the members it concerns."""

from copy import copy
from datetime import timedelta

import pytest
from django.db import transaction

from loyalty.models import Program, Tier
from loyalty.operations import walking
from loyalty.operations.progression import retiering, standing, streaks
from loyalty_site.ids import new_id
from tests.bench import people
from tests.cast import NOON
from tests.performance.plans import looked_at, plan_of, read_through

MEMBERS = 100_000
CHUNK = 500


@pytest.fixture(scope="module")
def made(make_modules_crowd):
    """A hundred thousand members with 100 points each, earned a week before noon."""
    crowd = people.Crowd(members=MEMBERS, active_at=NOON - timedelta(days=7), points=100)
    return make_modules_crowd(crowd, tier_basis="rolling", downgrade_policy="by_balance")


@pytest.fixture
def crowd(made, undone):
    return copy(made)


def tier_from(program: Program, threshold: int) -> None:
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=threshold)


@transaction.atomic
def walked(scene, condition, after):
    parameters = scene.parameters | {"after": people.member_id(1, after), "chunk": CHUNK}
    return plan_of(walking.next_chunk_query(condition), parameters, walking.pin_the_walk)


@pytest.mark.long
@pytest.mark.parametrize("basis", ["lifetime", "rolling"])
@pytest.mark.parametrize("after", [0, MEMBERS // 2])
def test_the_walk_over_tiers_goes_by_the_index_and_looks_at_each_member_once(crowd, noon, basis, after):
    crowd.tier_basis = basis
    tier_from(crowd, 100)
    ladder = retiering.ladder_at(crowd, noon, lowers=True)

    nodes = walked(ladder, standing.to_move(crowd), after)

    # The ladder itself is read through: it is one page.
    assert read_through(nodes) <= {"loyalty_tiers"}
    assert "Sort" not in {node["Node Type"] for node in nodes}
    assert looked_at(nodes, "loyalty_members") == CHUNK
    assert looked_at(nodes, "loyalty_ledger_entries") <= CHUNK


@pytest.mark.long
def test_members_for_whom_nothing_changes_are_looked_at_once_in_all(crowd, noon):
    tier_from(crowd, 101)
    ladder = retiering.ladder_at(crowd, noon, lowers=True)

    nodes = walked(ladder, standing.to_move(crowd), 0)

    # Nobody has ever had the points: the row says so, and no entry is read.
    assert looked_at(nodes, "loyalty_members") == MEMBERS
    assert looked_at(nodes, "loyalty_ledger_entries") == 0


@pytest.mark.long
def test_a_chunk_is_locked_judged_and_moved_member_by_member(crowd, noon):
    tier_from(crowd, 100)
    ladder = retiering.ladder_at(crowd, noon, lowers=True)
    ids = [people.member_id(1, number) for number in range(1, CHUNK + 1)]
    parameters = ladder.parameters | {"ids": walking.array(ids)}

    with transaction.atomic():
        lock = plan_of(walking.lock_query(standing.MAY_MOVE), parameters, walking.pin_nested_loops)
        move = plan_of(standing.moving_query(crowd), parameters, walking.pin_nested_loops)

    for nodes in (lock, move):
        assert read_through(nodes) <= {"loyalty_tiers"}
        assert looked_at(nodes, "loyalty_members") <= 3 * CHUNK
        assert looked_at(nodes, "loyalty_ledger_entries") <= CHUNK


@pytest.mark.long
def test_the_walk_over_streaks_reads_the_entries_of_each_member_once(crowd, noon):
    weeks = streaks.Weeks(crowd, noon)
    nodes = walked(weeks, streaks.OWED, 0)

    assert read_through(nodes) == set()
    assert looked_at(nodes, "loyalty_members") == MEMBERS
    assert looked_at(nodes, "loyalty_ledger_entries") == MEMBERS


@pytest.mark.long
def test_the_bonuses_of_a_chunk_read_its_members_alone(crowd, noon):
    ids = [people.member_id(1, number) for number in range(1, CHUNK + 1)]
    parameters = streaks.Weeks(crowd, noon).parameters | {"ids": walking.array(ids), "run": new_id()}

    with transaction.atomic():
        nodes = plan_of(streaks.POSTINGS, parameters, walking.pin_nested_loops)

    assert read_through(nodes) == set()
    assert looked_at(nodes, "loyalty_members") <= CHUNK
    assert looked_at(nodes, "loyalty_ledger_entries") <= CHUNK
