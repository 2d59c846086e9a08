"""The merchants of the console's tests, made once a worker: whoever asks for them finds them there."""

import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django_q.models import Failure, Schedule

from loyalty_site.jobs.models import QueuedTask, Worker
from tests import databases
from tests.console.world import MARK, World, make_world

# Which of the two merchants are there.
Cast = frozenset[str]

NIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def _ours() -> World:
    return make_world("cafe")


def _theirs() -> World:
    world = make_world(MARK)
    # What the house itself keeps is the platform's alone.
    Worker.objects.create(name=f"{MARK} worker")
    QueuedTask.objects.create(queue_id=7_654_321, function=MARK, worker=MARK, taken_at=NIGHT)
    Schedule.objects.create(id=7_654_322, name=MARK, func=MARK)
    Failure.objects.create(
        id="f" * 32, name=MARK, func=MARK, started=NIGHT, stopped=NIGHT, success=False, result=f"{MARK}: gave up"
    )
    return world


MAKERS = {"made_ours": _ours, "made_theirs": _theirs}


@pytest.fixture(scope="session")
def stages(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[[Cast], tuple[str, dict[str, bytes]]]]:
    """Databases in which the merchants were made once a worker, and the merchants as they were then, pickled.

    A merchant with a row of everything takes most of a second to make, and hundreds of tests want one.
    """
    made: dict[Cast, tuple[str, dict[str, bytes]]] = {}

    def made_for(cast: Cast) -> tuple[str, dict[str, bytes]]:
        if cast not in made:
            with databases.cloned("_".join(["stage", *sorted(cast)]), django_db_blocker) as name:
                made[cast] = name, {who: pickle.dumps(make()) for who, make in MAKERS.items() if who in cast}
        return made[cast]

    yield made_for
    for name, _ in made.values():
        databases.drop(name)


@pytest.fixture(autouse=True)
def stage(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[dict[str, bytes]]:
    """Before `db` begins its transaction: let it begin in the database where this test's merchants are."""
    cast = frozenset(MAKERS).intersection(request.fixturenames)
    if not cast:
        yield {}
        return
    name, merchants = request.getfixturevalue("stages")(cast)
    with django_db_blocker.unblock():
        assert not connection.in_atomic_block, "the transaction of db has begun elsewhere"
        with databases.elsewhere(name):
            yield merchants


@pytest.fixture
def made_ours(stage: dict[str, bytes]) -> World:
    return _as_made(stage["made_ours"])


@pytest.fixture
def made_theirs(stage: dict[str, bytes]) -> World:
    return _as_made(stage["made_theirs"])


def _as_made(pickled: bytes) -> World:
    world: World = pickle.loads(pickled)  # noqa: S301 (our own, of a moment ago)
    return world
