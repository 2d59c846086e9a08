"""The console's cast: two merchants alike, and somebody signed in."""

import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django_q.models import Failure, Schedule

from loyalty_site.jobs.models import QueuedTask, Worker
from loyalty_site.tenants.models import Role, User
from tests import databases
from tests.console.world import MARK, World, make_user, make_world

SignIn = Callable[[User], Client]

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


MAKERS = {"ours": _ours, "theirs": _theirs}


@pytest.fixture(scope="session")
def _stages(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[[Cast], tuple[str, dict[str, bytes]]]]:
    """Databases in which the merchants were made once a worker, and the merchants as they were then, pickled.

    A merchant with a row of everything takes most of a second to make, and hundreds of tests want one.
    """
    made: dict[Cast, tuple[str, dict[str, bytes]]] = {}

    def stage(cast: Cast) -> tuple[str, dict[str, bytes]]:
        if cast not in made:
            with databases.cloned("_".join(["stage", *sorted(cast)]), django_db_blocker) as name:
                made[cast] = name, {who: pickle.dumps(make()) for who, make in MAKERS.items() if who in cast}
        return made[cast]

    yield stage
    for name, _ in made.values():
        databases.drop(name)


@pytest.fixture(autouse=True)
def _stage(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[dict[str, bytes]]:
    """Before `db` begins its transaction: let it begin in the database where this test's merchants are."""
    cast = frozenset(MAKERS).intersection(request.fixturenames)
    if not cast:
        yield {}
        return
    name, merchants = request.getfixturevalue("_stages")(cast)
    with django_db_blocker.unblock():
        assert not connection.in_atomic_block, "the transaction of db has begun elsewhere"
        with databases.elsewhere(name):
            yield merchants


def _as_made(pickled: bytes) -> World:
    world: World = pickle.loads(pickled)  # noqa: S301 (our own, of a moment ago)
    return world


@pytest.fixture
def ours(db: None, _stage: dict[str, bytes]) -> World:
    """The merchant whose staff look."""
    return _as_made(_stage["ours"])


@pytest.fixture
def theirs(db: None, _stage: dict[str, bytes]) -> World:
    """The merchant nobody of ours may see."""
    return _as_made(_stage["theirs"])


@pytest.fixture
def platform(db: None) -> User:
    return make_user("platform@example.com", role=Role.PLATFORM)


@pytest.fixture
def sign_in() -> SignIn:
    """A browser in which this user is signed in."""

    def enter(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter


@pytest.fixture
def owner(ours: World, sign_in: SignIn) -> Client:
    """The browser of our owner."""
    return sign_in(ours.staff[Role.OWNER])


@pytest.fixture
def manager(ours: World, sign_in: SignIn) -> Client:
    return sign_in(ours.staff[Role.MANAGER])
