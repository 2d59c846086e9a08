"""The database server of a test run: a throw-away embedded PostgreSQL, or the server that DATABASE_URL names.

Loaded with `-p tests.server`, since settings read the environment before any conftest is imported. The process that
was started by hand (or by make) owns the server, its roles and everything whose name begins with the run's prefix;
the workers of xdist inherit the addresses through the environment. Migrations run once, as the owner, into a template
that nobody may connect to; every database of a test is a copy of it.
"""

import atexit
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psutil
import psycopg
import pytest
from psycopg import sql

from loyalty_site import embedded
from loyalty_site.tenants import roles

ROOT = Path(__file__).resolve().parent.parent
THROW_AWAY = "regulars-tests-"
# Where files are memory, and how much of it has to be free.
MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of a random name is made in it)
ROOM = 6 * 2**30
NAME = "regulars_test_"

# Nothing of a test's database outlives the run, so nothing waits for a disk.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}


@dataclass(frozen=True)
class TestServer:
    """Where the databases of this run are made. `admin_url` logs in with the right to make databases and roles."""

    __test__ = False  # not a test class, whatever its name

    admin_url: str
    prefix: str
    password: str
    # How CREATE DATABASE copies.
    strategy: str = "WAL_LOG"

    @property
    def owner(self) -> str:
        return f"{self.prefix}_owner"

    @property
    def runtime(self) -> str:
        return f"{self.prefix}_app"

    @property
    def readonly(self) -> str:
        return f"{self.prefix}_readonly"

    @property
    def template(self) -> str:
        return f"{self.prefix}_template"

    def url(self, role: str, database: str) -> str:
        """The address of a database for one of the run's roles."""
        parts = urlsplit(self.admin_url)
        host = parts.netloc.rpartition("@")[2]
        login = f"{quote(role)}:{quote(self.password)}@{host}"
        return urlunsplit((parts.scheme, login, f"/{database}", parts.query, ""))

    def environment(self, database: str) -> dict[str, str]:
        """What settings and child processes read to serve from `database` as the runtime role."""
        return {
            "DATABASE_URL": self.url(self.runtime, database),
            "DATABASE_OWNER_URL": self.url(self.owner, database),
            "DATABASE_READONLY_ROLE": self.readonly,
        }

    @contextmanager
    def admin(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            yield connection

    def clone(self, name: str, template: str = "") -> str:
        """Make a database as the migrations leave it, or as that one is; return its whole name."""
        database = f"{self.prefix}_{name}"
        with self.admin() as admin:
            self._make_template_once(admin)
            if template:
                # The bell of whoever filled it keeps a connection for a while, and nobody copies what is in use.
                gone = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s"
                admin.execute(gone, [template])
            admin.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY {}").format(
                    sql.Identifier(database),
                    sql.Identifier(self.owner),
                    sql.Identifier(template or self.template),
                    sql.Identifier(self.strategy),
                )
            )
        return database

    def drop(self, database: str) -> None:
        """Drop it, whoever is still connected."""
        with self.admin() as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def _make_template_once(self, admin: psycopg.Connection[Any]) -> None:
        admin.execute("SELECT pg_advisory_lock(hashtext(%s))", [self.template])
        try:
            [(is_done,)] = admin.execute(
                "SELECT count(*) FROM pg_database WHERE datname = %s AND NOT datallowconn", [self.template]
            ).fetchall()
            if is_done:
                return
            self.drop(self.template)
            template = sql.Identifier(self.template)
            # TEMPLATE template0: that of a named server may hold what its people put into template1.
            admin.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    template, sql.Identifier(self.owner)
                )
            )
            done = subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity=0"],
                cwd=ROOT,
                # Counting the lines of migrations would double their time, and they are not reported.
                env={**os.environ, **self.environment(self.template), "COVERAGE_PROCESS_CONFIG": ""},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                pytest.exit(f"The migrations of the test database failed.\n{done.stdout}{done.stderr}", returncode=1)
            with psycopg.connect(self.url(self.owner, self.template), autocommit=True) as owner:
                # News of data migrations is nobody's business in a test.
                if owner.execute("SELECT to_regclass('outbox_events') IS NOT NULL").fetchone() == (True,):
                    owner.execute("DELETE FROM outbox_events")
            admin.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(template))
        finally:
            admin.execute("SELECT pg_advisory_unlock(hashtext(%s))", [self.template])

    def remove_everything(self) -> None:
        """Drop the databases and roles of this run."""
        with self.admin() as admin:
            _remove(admin, self.prefix)


def current() -> TestServer:
    """The server of this run, as its first process named it in the environment."""
    return TestServer(
        admin_url=os.environ["REGULARS_TEST_ADMIN_URL"],
        prefix=os.environ["REGULARS_TEST_PREFIX"],
        password=os.environ["REGULARS_TEST_PASSWORD"],
        strategy=os.environ["REGULARS_TEST_STRATEGY"],
    )


# --- The plugin -----------------------------------------------------------------------------------------------
# A wrapper runs before every plain hook, and so before pytest-django reads the settings.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> Iterator[None]:
    asked = early_config.known_args_namespace
    looks_only = getattr(asked, "collectonly", False) or getattr(asked, "help", False) or asked.version
    if not (looks_only or "PYTEST_XDIST_WORKER" in os.environ):
        _begin()
    return (yield)


def _begin() -> None:
    named = os.environ.get("DATABASE_URL", "")
    admin_url, strategy = (named, "WAL_LOG") if named else _start_throw_away_server()
    server = TestServer(admin_url, NAME + secrets.token_hex(4), secrets.token_hex(16), strategy)
    if named:
        _guard_on_named_server(server)
    with server.admin() as admin:
        logins = [roles.Login(role, server.password) for role in (server.owner, server.runtime, server.readonly)]
        roles.create(admin, logins)
        # To make databases for the owner, who has no right to make them.
        admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(server.owner)))
    os.environ.update(
        REGULARS_TEST_ADMIN_URL=server.admin_url,
        REGULARS_TEST_PREFIX=server.prefix,
        REGULARS_TEST_PASSWORD=server.password,
        REGULARS_TEST_STRATEGY=server.strategy,
        SECRET_KEY="a key for tests alone, long enough for every use of it",
        BEHIND_TLS="0",
        ALLOWED_HOSTS="127.0.0.1,localhost",
        LOG_STREAM="stderr",
        # Until `django_db_setup` has made one, there is no database of this name.
        **server.environment(f"{server.prefix}_none"),
    )
    # PYTHONDONTWRITEBYTECODE: each of hundreds of processes would compile the same modules again.
    for name in ("DEBUG", "REGULARS_EMBEDDED", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)
    sys.dont_write_bytecode = False


def _start_throw_away_server() -> tuple[str, str]:
    """Its address, and how a database is best copied there."""
    disk = Path(tempfile.gettempdir())
    for leftover in [*disk.glob(f"{THROW_AWAY}*"), *MEMORY.glob(f"{THROW_AWAY}*")]:
        # Those of a killed run; another user's, and those of a run that lives, stay.
        if os.access(leftover, os.W_OK):
            embedded.remove_if_unused(leftover)
    # A database is hundreds of files, and hundreds are made. On a disk the server copies them page by page, since
    # copying files would have every other database written out first.
    folder, strategy = (MEMORY, "FILE_COPY") if _fits_in_memory() else (disk, "WAL_LOG")
    home = Path(tempfile.mkdtemp(prefix=THROW_AWAY, dir=folder))
    server = embedded.start(home, version=embedded.version_wanted(), options=OPTIONS, durable=False)

    def throw_away() -> None:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)

    _at_exit(throw_away)
    return server.url(embedded.SUPERUSER, "postgres"), strategy


def _fits_in_memory() -> bool:
    """Whether the files of the run may be memory; TMPDIR says that they are wanted elsewhere."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return False
    return min(psutil.disk_usage(str(MEMORY)).free, psutil.virtual_memory().available) >= ROOM


def _guard_on_named_server(server: TestServer) -> None:
    """Hold a lock that says this run is alive, and remove what runs left whose lock is gone."""
    guard = psycopg.connect(server.admin_url, autocommit=True)
    guard.execute("SELECT pg_advisory_lock(hashtext(%s))", [server.prefix])
    rows = guard.execute(
        """
        SELECT DISTINCT substring(name FROM '^regulars_test_[0-9a-f]{8}')
        FROM (SELECT datname AS name FROM pg_database UNION SELECT rolname FROM pg_roles) AS names
        WHERE name ~ '^regulars_test_[0-9a-f]{8}_'
        """
    ).fetchall()
    for (prefix,) in rows:
        if guard.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [prefix]).fetchone() == (True,):
            _remove(guard, prefix)

    def remove() -> None:
        server.remove_everything()
        guard.close()

    _at_exit(remove)


def _at_exit(clean_up: Any) -> None:
    own = os.getpid()
    atexit.register(lambda: clean_up() if os.getpid() == own else None)
    embedded.exit_on_signals()


def _remove(admin: psycopg.Connection[Any], prefix: str) -> None:
    for (database,) in admin.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{prefix}_"]
    ).fetchall():
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
    for (role,) in admin.execute(
        "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [f"{prefix}_"]
    ).fetchall():
        admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
