"""The ground both sides run on: a throw-away server that waits for the disk as a real one does, and its databases.

`prepare()` comes first, before anything of Django's is imported: settings read the environment.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from loyalty_site import embedded
from loyalty_site.tenants import roles
from tests.server import TestServer

# Durability is PostgreSQL's own default: fsync, full_page_writes and synchronous_commit are on, for both sides. The
# rest is what anybody gives a server of this size.
OPTIONS = {
    "max_connections": "100",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}

_prepared: list[embedded.Server] = []


def prepare() -> None:
    """Start the server and name it in the environment."""
    home = Path(tempfile.mkdtemp(prefix="regulars-bench-"))
    server = embedded.start(home, version=embedded.version_wanted(), options=OPTIONS)
    _prepared.append(server)

    def throw_away() -> None:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)

    atexit.register(throw_away)
    embedded.exit_on_signals()
    test_server = TestServer(server.url(embedded.SUPERUSER, "postgres"), "bench", secrets.token_hex(8))
    with test_server.admin() as admin:
        logins = [roles.Login(role) for role in (test_server.owner, test_server.runtime, test_server.readonly)]
        roles.create(admin, logins)
    os.environ.update(
        REGULARS_TEST_ADMIN_URL=test_server.admin_url,
        REGULARS_TEST_PREFIX=test_server.prefix,
        REGULARS_TEST_PASSWORD=test_server.password,
        DJANGO_SETTINGS_MODULE="loyalty_site.settings",
        SECRET_KEY="a key for benches alone, long enough for every use of it",
        BEHIND_TLS="0",
        LOG_STREAM="stderr",
        LOG_LEVEL="WARNING",
        **test_server.environment("bench_none"),
    )
    for name in ("DEBUG", "REGULARS_EMBEDDED"):
        os.environ.pop(name, None)


def tool(name: str) -> Path:
    """A program of PostgreSQL's, such as pgbench."""
    return _prepared[0].tool(name)


def home() -> TestServer:
    """The server of this run."""
    return TestServer(
        admin_url=os.environ["REGULARS_TEST_ADMIN_URL"],
        prefix=os.environ["REGULARS_TEST_PREFIX"],
        password=os.environ["REGULARS_TEST_PASSWORD"],
    )


@contextmanager
def database(name: str) -> Iterator[str]:
    """A migrated database for one program, this process's Django pointed at it as the runtime role."""
    from django.db import connections

    server = home()
    whole = server.clone(name)
    connections.close_all()
    connections["default"].settings_dict["NAME"] = whole
    os.environ.update(server.environment(whole))
    try:
        yield whole
    finally:
        connections.close_all()
        server.drop(whole)


@contextmanager
def loading(database: str) -> "Iterator[psycopg.Connection[Any]]":
    """A transaction without triggers and without look-ups of foreign keys: the rows are right, and there are many."""
    with superuser(database) as connection, connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        yield connection


def superuser(database: str) -> "psycopg.Connection[Any]":
    """A connection that may do anything."""
    server = home()
    return psycopg.connect(server.admin_url.replace("/postgres?", f"/{database}?"), autocommit=True)


@contextmanager
def server_on(cores: list[int]) -> Iterator[None]:
    """The server, and what it starts meanwhile, on these cores alone, as CPUAffinity does in docs/deploy/systemd.md."""
    _keep_server_to(cores)
    try:
        yield
    finally:
        _keep_server_to(sorted(os.sched_getaffinity(0)))


def _keep_server_to(cores: list[int]) -> None:
    first = (_prepared[0].data / "postmaster.pid").read_text().split()[0]
    postmaster = psutil.Process(int(first))
    # Whoever is started after this has it from the postmaster.
    postmaster.cpu_affinity(cores)
    for process in postmaster.children():
        with suppress(psutil.NoSuchProcess):
            process.cpu_affinity(cores)


def version() -> str:
    """What the server calls itself."""
    with home().admin() as admin:
        return str(admin.execute("SELECT 'PostgreSQL ' || current_setting('server_version')").fetchall()[0][0])
