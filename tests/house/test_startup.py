"""What starts, and what refuses to, without its secrets."""

import json
import os
import subprocess
import sys

import pytest

from tests import server


def _python(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    bare = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=server.ROOT,
        env={**bare, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_web_process_refuses_without_a_secret_key(own_database):
    done = _python("import loyalty_site.wsgi")

    assert done.returncode != 0
    assert "SECRET_KEY is not set, so the web process does not start" in done.stderr


def test_the_web_process_refuses_without_a_database():
    done = _python("import loyalty_site.wsgi", SECRET_KEY="s" * 50, DATABASE_URL="")

    assert done.returncode != 0
    assert "DATABASE_URL is not set, so the web process does not start" in done.stderr


def test_the_web_process_starts_with_both(own_database):
    done = _python("import loyalty_site.wsgi", SECRET_KEY="s" * 50)

    assert done.returncode == 0, done.stderr
    assert "one_role_does_everything" not in done.stdout + done.stderr


def test_the_web_process_warns_where_one_role_does_everything(own_database):
    done = _python(
        "import loyalty_site.wsgi", SECRET_KEY="s" * 50, DATABASE_URL=own_database.owner_url, LOG_STREAM="stdout"
    )

    assert done.returncode == 0, done.stderr
    warning = json.loads(done.stdout.splitlines()[0])
    assert warning["event"] == "database.one_role_does_everything"
    assert "past the ledger" in warning["lost"]


def test_a_command_without_a_secret_key_runs_and_says_so_once(own_database):
    bare = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=server.ROOT, env=bare, capture_output=True, text=True, check=True
    )

    assert done.stderr.count("SECRET_KEY is not set: this command runs with a random key of its own.") == 1


@pytest.mark.parametrize(("value", "says_so"), [("0", True), ("1", False)])
def test_a_developers_command_does_not_mention_the_key(own_database, value, says_so):
    bare = {name: text for name, text in os.environ.items() if name != "SECRET_KEY"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=server.ROOT,
        env={**bare, "DEBUG": value},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ("SECRET_KEY is not set" in done.stderr) is says_so
