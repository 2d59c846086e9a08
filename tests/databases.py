"""Fixtures of the database: `db` for nearly all tests, `own_database` for threads, processes and kills."""

import contextlib
import io
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import ManagementUtility
from django.db import connections
from django.test.utils import override_settings

from tests import server
from tests.hashing import QUICK

_numbers = count(1)


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def point_at(database: str) -> None:
    """Let Django, and every child process, serve from this database."""
    connections.close_all()
    connections["default"].settings_dict["NAME"] = database
    environment = server.current().environment(database)
    settings.DATABASE_OWNER_URL = environment["DATABASE_OWNER_URL"]
    os.environ.update(environment)


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """One database a worker, as the migrations leave it; tests reach it as the runtime role."""
    home = server.current()
    database = home.clone(_worker())
    with django_db_blocker.unblock():
        point_at(database)
    yield
    with django_db_blocker.unblock():
        connections.close_all()
    home.drop(database)


@pytest.fixture(scope="session", autouse=True)
def _static_files_as_they_lie() -> Iterator[None]:
    """Pages rendered in a test need no collected files; `live_site` serves collected ones."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_nothing() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=QUICK):
        yield


@dataclass(frozen=True)
class OwnDatabase:
    """A whole database for one test: what is committed in it can be seen by threads and child processes."""

    name: str

    @property
    def url(self) -> str:
        """Its address for the runtime role."""
        home = server.current()
        return home.url(home.runtime, self.name)

    @property
    def owner_url(self) -> str:
        home = server.current()
        return home.url(home.owner, self.name)

    @property
    def readonly_url(self) -> str:
        home = server.current()
        return home.url(home.readonly, self.name)

    def connect(self) -> psycopg.Connection[Any]:
        """A plain connection of the runtime role, each statement its own transaction."""
        return psycopg.connect(self.url, autocommit=True)


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[Callable[[Callable[[OwnDatabase], Any]], str]]:
    """Make a database, as the migrations leave it, and let a function fill it: for `own_template`."""
    made: list[str] = []

    def fill(function: Callable[[OwnDatabase], Any]) -> str:
        with cloned(f"filled_{next(_numbers)}", django_db_blocker) as database:
            made.append(database)
            function(OwnDatabase(database))
        return database

    yield fill
    for database in made:
        drop(database)


@pytest.fixture
def own_template() -> str:
    """What `own_database` is a copy of, where it is not as the migrations leave it: a module names its own."""
    return ""


@pytest.fixture
def own_database(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any, own_template: str
) -> Iterator[OwnDatabase]:
    """A database of the test's own, for threads, child processes and kills.

    Commits are real, and Django's connections and the environment of child processes point at it. A thread closes
    its connection itself (`connections.close_all()`).
    """
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        pytest.fail("own_database and db exclude each other: in db nobody else sees what the test wrote.")
    yield from _own_database(django_db_blocker, own_template)


@pytest.fixture(scope="module")
def modules_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[OwnDatabase]:
    """An `own_database` for all tests of a module, for those that see to it that they do not meet in it."""
    yield from _own_database(django_db_blocker)


def _own_database(django_db_blocker: Any, template: str = "") -> Iterator[OwnDatabase]:
    with cloned(f"own_{next(_numbers)}", django_db_blocker, template) as database:
        yield OwnDatabase(database)
    drop(database)


@contextlib.contextmanager
def cloned(name: str, django_db_blocker: Any, template: str = "") -> Iterator[str]:
    """Serve from a new database of this worker, as the migrations or the template leave it; whoever asked drops it."""
    database = server.current().clone(f"{_worker()}_{name}", template)
    with django_db_blocker.unblock(), elsewhere(database):
        yield database


@contextlib.contextmanager
def elsewhere(database: str) -> Iterator[None]:
    """Serve from this database, and from the worker's own again."""
    point_at(database)
    yield
    point_at(f"{server.current().prefix}_{_worker()}")


def drop(database: str) -> None:
    server.current().drop(database)


@pytest.fixture
def owner_connection(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the owner role to the test's database, each statement its own transaction.

    Under `db` it does not see what the test has written, since that is not committed; under `own_database` it does.
    """
    if "own_database" not in request.fixturenames:
        request.getfixturevalue("db")
    home = server.current()
    database = str(connections["default"].settings_dict["NAME"])
    with psycopg.connect(home.url(home.owner, database), autocommit=True) as connection:
        yield connection


Manage = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def manage() -> Manage:
    """Run a command on the test's database, as `manage.py` does but in this process: `manage("expire_points")`.

    The exit code, stdout and stderr are in the result. A process of its own takes seconds to start: what needs one, or
    another environment, takes `manage_apart`.
    """

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        out, err = io.StringIO(), io.StringIO()
        code: Any = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                ManagementUtility(["manage.py", *arguments]).fetch_command(arguments[0]).run_from_argv(
                    ["manage.py", *arguments]
                )
            except SystemExit as end:
                code = end.code or 0
            except Exception:
                # As the interpreter ends with it.
                traceback.print_exc()
                code = 1
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def manage_apart() -> Manage:
    """Run `manage.py` in a process of its own, on the test's database; keywords go to its environment."""

    def run(*arguments: str, timeout: float = 120, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=server.ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real orders: SHARED_DATA, else `../shared/data` beside the checkout."""
    folder = Path(os.environ.get("SHARED_DATA") or server.ROOT.parent / "shared" / "data").resolve()
    if not folder.is_dir():
        reason = f"no real orders at {folder} (SHARED_DATA)"
        if os.environ.get("REQUIRE_SHARED_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marker = item.get_closest_marker("django_db")
        fixtures = getattr(item, "fixturenames", ())
        wants_flush = {"transactional_db", "live_server", "django_db_serialized_rollback"}.intersection(fixtures)
        if wants_flush or (marker and (marker.kwargs.get("transaction") or marker.args)):
            raise pytest.UsageError(
                f"{item.nodeid}: a flush cannot empty tables that refuse TRUNCATE; use own_database (or live_site)."
            )
