"""`manage.py demo` as people start and end it: real processes with a `var/` of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from loyalty_site import embedded
from tests import server
from tests.once import made_once

pytestmark = pytest.mark.long

UNSET = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_READONLY_ROLE", "SECRET_KEY", "LOG_STREAM", "BEHIND_TLS")


class House:
    """A `var/` of its own, and everything that runs because of it."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.environment = {name: value for name, value in os.environ.items() if name not in UNSET}
        self.environment["REGULARS_VAR"] = str(var)

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "manage.py", "demo", *arguments],
            cwd=server.ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, command: str = "demo") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", command, *arguments],
            cwd=server.ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def serve(self) -> "Served":
        process = self.begin("--port=0", "--format=json")
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return Served(process, json.loads(line))

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started with this `var/`: the server's have it in their environment too."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            named = process.environ().get("REGULARS_VAR") == str(self.var)
            return named and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


class Served:
    """A demo that answers, and what it printed."""

    def __init__(self, process: "subprocess.Popen[str]", report: dict) -> None:
        self.process, self.report = process, report

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.report["address"] + path, timeout=20) as answer:
            return str(answer.read().decode())

    def child(self, *words: str) -> psutil.Process:
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if all(word in " ".join(child.cmdline()) for word in words))

    def end(self, number: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=90)
        return self.process.returncode, err


@pytest.fixture(scope="session")
def told_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `var/` in which the story was told, made once for all workers of the run; nobody starts it."""

    def tell(var: Path) -> None:
        # How long the past is makes no difference.
        done = House(var).run("--no-serve", "--format=json", "--days=20")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data"] == "made now"

    return made_once(tmp_path_factory, "told once", tell)


@pytest.fixture
def empty_house(tmp_path: Path) -> Iterator[House]:
    """A `var/` that does not exist yet."""
    yield from _house(tmp_path / "a var")


@pytest.fixture
def house(told_once: Path, tmp_path: Path) -> Iterator[House]:
    """A copy of the `var/` in which the story was told."""
    # cp keeps the owner: run by root, the server's files belong to another account.
    subprocess.run(["cp", "-a", told_once, tmp_path / "a var"], check=True)
    yield from _house(tmp_path / "a var")


def _house(var: Path) -> Iterator[House]:
    found = House(var)
    yield found
    left = found.processes()
    for process in left:
        process.kill()
    psutil.wait_procs(left)
    assert not left


def _until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_is_served_until_a_signal_and_leaves_no_process(house, number):
    demo = house.serve()
    assert "Password" in demo.get("admin/login/")
    assert len(house.processes()) > 5

    code, err = demo.end(number)

    assert code == 0, err
    assert house.processes() == []


def test_a_second_start_keeps_the_data_and_signs_people_in(house):
    first = house.serve()
    first.end(signal.SIGINT)

    second = house.serve()

    assert first.report["data"] == second.report["data"] == "kept from before"
    assert second.report["members"] == 560
    assert second.report["logins"] == first.report["logins"]
    assert {login["role"] for login in second.report["logins"]} == {
        "Owner",
        "Manager",
        "Cashier",
        "Analyst",
        "Platform",
    }
    assert second.end(signal.SIGTERM)[0] == 0


def test_who_enrols_at_its_till_gets_a_mail_in_their_language_that_stays_on_this_machine(house):
    demo = house.serve()
    mails = house.var / "mail"
    # Whom the story left with something at a checkout is reminded from the first minute.
    _until(lambda: any("loyalty/referrals" in mail.read_text() for mail in mails.glob("*.eml")))
    asked = urllib.request.Request(
        demo.report["address"] + "api/v1/store/loyalty/cards",
        json.dumps({"email": "zoe@example.com", "firstName": "Zoé", "locale": "fr"}).encode(),
        {"Authorization": f"Api-Key {demo.report['tills'][0]['key']}", "Content-Type": "application/json"},
    )

    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert answer.status == 201

    def hers():
        return [text for mail in sorted(mails.glob("*.eml")) if "To: zoe@example.com" in (text := mail.read_text())]

    _until(hers)
    mail = hers()[0]
    assert "Bonjour Zoé" in mail
    assert f"{demo.report['address']}account/loyalty" in mail
    assert demo.end(signal.SIGTERM)[0] == 0


def test_after_a_kill_the_next_start_recovers(house):
    killed = house.serve()
    killed.process.kill()
    killed.process.communicate()
    # Web and worker end with it; only the database server goes on, as nobody could tell it to stop.
    _until(lambda: all(process.name() == "postgres" for process in house.processes()))

    demo = house.serve()

    assert demo.report["data"] == "kept from before"
    assert "Password" in demo.get("admin/login/")
    assert demo.end(signal.SIGINT)[0] == 0
    assert house.processes() == []


@pytest.mark.parametrize(
    ("name", "words"), [("web", ["gunicorn"]), ("worker", ["run_worker"]), ("mail", ["mail_sink"])]
)
def test_where_a_part_dies_it_says_which_and_ends_with_1(house, name, words):
    demo = house.serve()

    demo.child(*words).kill()
    _, err = demo.process.communicate(timeout=90)

    assert demo.process.returncode == 1
    assert f"The {name} process has ended by itself" in err
    assert house.processes() == []


def test_a_port_in_use_is_told_before_anything_is_made(empty_house):
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        done = empty_house.run(f"--port={port}")

    assert done.returncode == 2
    assert f"Port {port} cannot be used" in done.stderr
    assert f"PORT={port + 1}" in done.stderr
    assert not (empty_house.var / "static").exists()


def test_a_story_whose_telling_was_broken_off_twice_is_told_to_its_end(empty_house):
    home = empty_house.var / f"postgres-{embedded.version_wanted()}"
    # A quarter; the whole year differs in nothing but its length.
    asked = empty_house.begin("--no-serve", "--days=90")
    _until(lambda: _days_told(home) > 15, seconds=180)
    asked.send_signal(signal.SIGINT)
    _, err = asked.communicate(timeout=60)
    assert asked.returncode == 130
    assert "the next start goes on" in err
    assert empty_house.processes() == []

    killed = empty_house.begin("--no-serve", "--days=90")
    _until(lambda: _days_told(home) > 30, seconds=180)
    killed.kill()
    killed.communicate()

    done = empty_house.run("--no-serve", "--format=json", "--days=90")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["data"], report["members"]) == ("made now", 560)
    verified = empty_house.run(command="verify_ledger")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert empty_house.processes() == []


def _days_told(home: Path) -> int:
    socket_directory = embedded.running(home) if home.exists() else None
    if socket_directory is None:
        return 0
    try:
        with psycopg.connect(f"host={socket_directory} user={embedded.RUNTIME} dbname={embedded.DATABASE}") as link:
            [row] = link.execute("SELECT max((counts->>'days_told')::int) FROM job_runs WHERE job = 'console.demo'")
    except psycopg.Error:
        return 0
    return row[0] or 0


# --- With a database of one's own -----------------------------------------------------------------------------
def test_a_database_with_somebodys_merchants_is_not_touched(own_database, manage_apart, tmp_path):
    with own_database.connect() as connection:
        connection.execute(
            "INSERT INTO merchants (id, slug, name, is_active, created_at)"
            " VALUES (gen_random_uuid(), 'real', 'Real', true, now())"
        )

    done = manage_apart("demo", "--no-serve", "--format=json", STATIC_ROOT=str(tmp_path))

    assert done.returncode == 2
    assert json.loads(done.stderr.splitlines()[-1])["code"] == "database_in_use"
    with own_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)
