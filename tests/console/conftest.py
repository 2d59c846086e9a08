"""The console's cast: two merchants alike, and somebody signed in."""

from collections.abc import Callable

import pytest
from django.test import Client

from loyalty_site.tenants.models import Role, User
from tests.console.world import World, make_user

SignIn = Callable[[User], Client]


@pytest.fixture
def ours(db: None, made_ours: World) -> World:
    """The merchant whose staff look."""
    return made_ours


@pytest.fixture
def theirs(db: None, made_theirs: World) -> World:
    """The merchant nobody of ours may see."""
    return made_theirs


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
