"""docs/runbooks/messages.md, tried as written."""

import re

import psycopg
import pytest

from notifications.models import Message
from tests.notifications.test_senders import queue
from tests.server import ROOT

PAGE = (ROOT / "docs/runbooks/messages.md").read_text()
COMMANDS = re.findall(r"^ *python manage\.py (.+)$", PAGE, re.MULTILINE)
STATEMENTS = [
    text.strip() for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) for text in re.findall(r"[^;]+;", block)
]


def test_the_page_has_something_to_try():
    assert len(COMMANDS) == 5
    assert len(STATEMENTS) == 6


def test_each_command_does_what_it_says(own_database, mail, manage):
    queue(2)

    first = manage("send_messages", "--dry-run", "--format=json")
    done = [manage(*command.split()) for command in COMMANDS]

    assert '"due": 2' in first.stdout
    assert [each.returncode for each in done] == [0] * 5, [each.stderr for each in done]
    assert len(mail.mails) == 2


def test_it_ends_with_1_where_the_provider_does_not_answer(own_database, manage_apart):
    queue(1)

    done = manage_apart("send_messages", "--format=json", EMAIL_URL="smtp://127.0.0.1:1")

    assert done.returncode == 1, done.stderr
    assert "ConnectionRefusedError" in done.stdout


@pytest.mark.parametrize("statement", [each for each in STATEMENTS if each.startswith("SELECT")])
def test_each_query_can_be_asked_by_the_read_only_role(own_database, statement):
    with psycopg.connect(own_database.readonly_url) as reader:
        reader.execute(statement)


def test_what_failed_in_an_outage_can_be_sent(own_database, mail):
    from notifications import dispatch

    queue(1)
    Message.objects.update(status="failed", attempts=4, finished_at="2026-01-01T11:00Z")
    [statement] = [each for each in STATEMENTS if each.startswith("UPDATE")]

    with own_database.connect() as runtime:
        runtime.execute(statement)

    assert dispatch.dispatch().counts["sent"] == 1
