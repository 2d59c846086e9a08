"""Backups as docs/deploy/backup.md says: dumped and restored, or taken back to a moment, with every right kept."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, RaiseException

from loyalty.operations import points
from loyalty_site import embedded
from loyalty_site.tenants import roles
from loyalty_site.tenants.models import Store
from tests import server
from tests.cast import NOON, make_member, make_merchant

pytestmark = pytest.mark.long


def _tool(name: str) -> Path:
    return embedded.programs(embedded.version_wanted()) / name


def _run(*command: object, **options) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def purchases(own_database) -> None:
    """A café whose member has bought three times."""
    program = make_merchant("cafe")
    alice, counter = make_member(program, "alice"), Store.objects.create(merchant=program.merchant, reference="1")
    for number in range(3):
        points.earn(member=alice, store=counter, amount=Decimal("4.50"), order_reference=f"W-{number}", at=NOON)


@pytest.fixture
def other_database() -> Iterator[str]:
    """An empty database of the owner's, on the same server."""
    home = server.current()
    name = f"{home.prefix}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_restored"
    with home.admin() as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                sql.Identifier(name), sql.Identifier(home.owner)
            )
        )
    yield name
    home.drop(name)


def _skip_where_the_server_is_newer(home: server.TestServer) -> None:
    with home.admin() as admin:
        if admin.info.server_version // 10_000 > embedded.version_wanted():
            pytest.skip("pg_dump must not be older than the server")


def test_a_dump_restored_elsewhere_keeps_rights_triggers_and_the_books(
    own_database, purchases, other_database, manage_apart, tmp_path
):
    home = server.current()
    _skip_where_the_server_is_newer(home)
    dump = tmp_path / "regulars.dump"

    _run(_tool("pg_dump"), "--format=custom", f"--file={dump}", own_database.owner_url)
    _run(
        _tool("pg_restore"),
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={home.url(home.owner, other_database)}",
        dump,
    )

    environment = home.environment(other_database)
    verified = manage_apart("verify_ledger", **environment)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    migrated = manage_apart("migrate", "--check", **environment)
    assert migrated.returncode == 0, migrated.stderr
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as runtime:
        assert runtime.execute("SELECT points_balance FROM loyalty_members").fetchall() == [(135,)]
        assert roles.weaknesses(runtime) == []
        for forbidden in (
            "UPDATE loyalty_members SET points_balance = 1",
            "INSERT INTO loyalty_ledger_entries SELECT * FROM loyalty_ledger_entries",
            "DELETE FROM loyalty_ledger_entries",
        ):
            with pytest.raises(InsufficientPrivilege):
                runtime.execute(forbidden)
    with psycopg.connect(environment["DATABASE_OWNER_URL"], autocommit=True) as owner:
        for kept in (
            "UPDATE loyalty_ledger_entries SET points_delta = 1",
            "DELETE FROM loyalty_ledger_entries",
            "TRUNCATE loyalty_ledger_entries CASCADE",
        ):
            with pytest.raises(RaiseException):
                owner.execute(kept)


def test_the_restored_ledger_goes_on(own_database, purchases, other_database, manage_apart, tmp_path):
    home = server.current()
    _skip_where_the_server_is_newer(home)
    dump = tmp_path / "regulars.dump"
    _run(_tool("pg_dump"), "--format=custom", f"--file={dump}", own_database.owner_url)
    _run(_tool("pg_restore"), "--exit-on-error", f"--dbname={home.url(home.owner, other_database)}", dump)
    earn = (
        "from loyalty.models import Member; from loyalty.operations import points;"
        "from loyalty_site.tenants.models import Store; from decimal import Decimal; from django.utils import timezone;"
        "give = lambda order: points.earn(member=Member.objects.get(), store=Store.objects.get(),"
        " amount=Decimal('4.50'), order_reference=order, at=timezone.now());"
        "print(give('W-2').number, give('W-3').number)"
    )

    done = manage_apart("shell", "-v0", "-c", earn, **home.environment(other_database))

    # The last order of before is known and earns nothing again; a new one follows it.
    assert done.stdout.split() == ["3", "4"], done.stderr


# --- Point in time --------------------------------------------------------------------------------------------
@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the server's account may enter, also while another run of pytest locks up its own."""
    with tempfile.TemporaryDirectory(prefix="regulars-backup-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_server_is_taken_back_to_a_moment(open_folder):
    version = embedded.version_wanted()
    archive = open_folder / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    options = {
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_command": f"test ! -f '{archive}/%f' && cp '%p' '{archive}/%f'",
    }
    running = embedded.start(open_folder / "first", version=version, options=options, durable=False)
    try:
        embedded.prepare(running)
        superuser = running.url(embedded.SUPERUSER, embedded.DATABASE)
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute("CREATE TABLE entries (number int, written_at timestamptz DEFAULT clock_timestamp())")
            _run(
                _tool("pg_basebackup"),
                f"--pgdata={open_folder / 'base'}",
                f"--dbname={running.url(embedded.SUPERUSER, 'postgres')}",
                "--checkpoint=fast",
            )
            connection.execute("INSERT INTO entries VALUES (1), (2)")
            time.sleep(0.1)
            moment = datetime.now(UTC)
            time.sleep(0.1)
            connection.execute("DELETE FROM entries")
            connection.execute("SELECT pg_switch_wal()")
        running.stop()  # archives what is left
        restored = _restore(open_folder, archive, moment, version)
    finally:
        running.stop()

    try:
        with psycopg.connect(restored.url(embedded.SUPERUSER, embedded.DATABASE), autocommit=True) as connection:
            assert connection.execute("SELECT array_agg(number) FROM entries").fetchone() == ([1, 2],)
            # It takes reads at once, and writes some moments later.
            for _ in range(300):
                if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,):
                    break
                time.sleep(0.1)
            connection.execute("INSERT INTO entries VALUES (3)")
    finally:
        restored.stop()


def _restore(folder: Path, archive: Path, moment: datetime, version: int) -> embedded.Server:
    home = folder / "second"
    home.mkdir()
    (folder / "base").rename(home / "data")
    (home / "data" / "recovery.signal").touch()
    if os.geteuid() == 0:
        # Run by root, PostgreSQL belongs to another account.
        _run("chown", "-R", f"{embedded.account()[0]}:{embedded.account()[1]}", home / "data")
    return embedded.start(
        home,
        version=version,
        options={
            "restore_command": f"cp '{archive}/%f' '%p'",
            "recovery_target_time": moment.isoformat(),
            "recovery_target_action": "promote",
        },
    )
