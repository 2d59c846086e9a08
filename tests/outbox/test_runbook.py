"""docs/runbooks/outbox-and-worker.md, tried as written."""

import re

import psycopg
import pytest
from django.utils import timezone

from loyalty_site.outbox.models import OutboxEvent
from tests.outbox.happenings import publish
from tests.server import ROOT

PAGE = (ROOT / "docs/runbooks/outbox-and-worker.md").read_text()
# What is typed stands indented; a statement may go over several lines. Commands and SQL also stand within sentences.
TYPED = re.findall(r"(?:^ {4}.+\n)+", PAGE, re.MULTILINE)
COMMANDS = sorted(
    {line.strip() for block in TYPED for line in block.splitlines() if line.strip().startswith("manage.py")}
)
STATEMENTS = [text for block in TYPED for text in re.findall(r"(?:SELECT|UPDATE).*?;", block, re.DOTALL)]


def test_the_page_has_something_to_try():
    assert len(COMMANDS) > 3
    assert len(STATEMENTS) > 5


@pytest.mark.parametrize("command", [each for each in COMMANDS if "run_worker" not in each])
def test_each_command_does_what_it_says(own_database, manage, command):
    done = manage(*command.split()[1:])

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("statement", [each for each in STATEMENTS if each.startswith("SELECT")])
def test_each_query_can_be_asked_by_the_read_only_role(own_database, statement):
    with psycopg.connect(own_database.readonly_url) as reader:
        reader.execute(statement)


def test_an_event_that_nobody_wants_can_be_put_away(own_database):
    publish(1)
    OutboxEvent.objects.update(status="parked", attempts=5)
    [statement] = [each for each in STATEMENTS if each.startswith("UPDATE")]

    with own_database.connect() as runtime:
        runtime.execute(statement.replace("...", str(OutboxEvent.objects.get().pk)))

    event = OutboxEvent.objects.get()
    assert (event.status, event.done_at <= timezone.now()) == ("done", True)
