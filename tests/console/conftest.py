"""The console's cast: two merchants alike, and somebody signed in."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django_q.models import Failure, Schedule

from loyalty_site.jobs.models import QueuedTask, Worker
from loyalty_site.tenants.models import Role, User
from tests.console.world import MARK, World, make_user, make_world

SignIn = Callable[[User], Client]


NIGHT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def ours(db: None) -> World:
    """The merchant whose staff look."""
    return make_world("cafe")


@pytest.fixture
def theirs(db: None) -> World:
    """The merchant nobody of ours may see."""
    world = make_world(MARK)
    # What the house itself keeps is the platform's alone.
    Worker.objects.create(name=f"{MARK} worker")
    QueuedTask.objects.create(queue_id=7_654_321, function=MARK, worker=MARK, taken_at=NIGHT)
    Schedule.objects.create(name=MARK, func=MARK)
    Failure.objects.create(
        id="f" * 32, name=MARK, func=MARK, started=NIGHT, stopped=NIGHT, success=False, result=f"{MARK}: gave up"
    )
    return world


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
