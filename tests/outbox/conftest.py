import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from loyalty_site.outbox.subscribing import Handler, subscribe, unsubscribe
from tests.server import ROOT


@pytest.fixture
def subscribed() -> Iterator[Callable[[str, Handler], Handler]]:
    """Subscribe for the time of a test: `subscribed("tests.happened", handler)`."""
    handlers: list[Handler] = []

    def register(kind: str, handler: Handler) -> Handler:
        handlers.append(subscribe(kind)(handler))
        return handler

    yield register
    for handler in handlers:
        unsubscribe(handler)


class Heard:
    """The rows that subscribers have written and committed."""

    def by(self, name: str) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT number FROM heard WHERE subscriber = %s ORDER BY number", [name])
            return [row[0] for row in cursor.fetchall()]


@pytest.fixture
def heard(own_database: Any, owner_connection: Any) -> Heard:
    owner_connection.execute("CREATE TABLE heard (subscriber text, number int)")
    owner_connection.execute("GRANT SELECT, INSERT ON heard TO PUBLIC")
    return Heard()


@pytest.fixture
def time_passes() -> Callable[[], None]:
    """Every claim of a relay runs out, and every wait for another attempt is over."""

    def pass_time() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE outbox_events SET available_at = available_at - interval '1 hour'"
                " WHERE status = 'pending' AND attempts > 0"
            )

    return pass_time


Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start one of the programs of `tests/outbox/child.py`; killed after the test, if it still runs."""
    children: list[subprocess.Popen[str]] = []

    def start_child(what: str) -> "subprocess.Popen[str]":
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.outbox.child", what],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start_child
    for child in children:
        child.kill()
        child.communicate()
