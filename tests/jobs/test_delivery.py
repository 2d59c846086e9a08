"""The delivery loop is woken, not timed: it polls once an hour here."""

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connections

from loyalty_site.jobs import delivery

WAIT = 20


class Drained:
    """A drain that counts its turns and lets a test wait for the next one."""

    def __init__(self) -> None:
        self.turns = 0
        self.more = 0
        self.raises: Exception | None = None
        self.changed = threading.Condition()

    def __call__(self, stop: Callable[[], bool]) -> bool:
        with self.changed:
            self.turns += 1
            self.changed.notify_all()
            if self.raises:
                raise self.raises
            self.more -= 1
            return self.more >= 0

    def wait_for(self, turns: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.turns >= turns, WAIT), f"{self.turns} turns"


@pytest.fixture
def loop(own_database):
    """The loop in a thread; call it to start it with what was registered."""
    stopping = threading.Event()
    threads = []

    def start(poll_seconds: float = 3600) -> threading.Thread:
        def run() -> None:
            delivery.run(stop=stopping.is_set, poll_seconds=poll_seconds)
            connections.close_all()

        threads.append(threading.Thread(target=run))
        threads[0].start()
        return threads[0]

    yield start
    stopping.set()
    with own_database.connect() as other:
        other.execute("NOTIFY tests")
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive()


@pytest.fixture
def drained():
    drained = Drained()
    delivery.register("tests", drained, channels=["tests"])
    yield drained
    delivery.unregister("tests")


@pytest.fixture
def other(own_database):
    with own_database.connect() as connection:
        yield connection


def cut_the_listening_connection(other):
    done = other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'regulars listener' AND datname = current_database()"
    )
    assert done.fetchall() == [(True,)]


def test_it_drains_before_it_waits_and_again_at_each_ring(loop, drained, other):
    loop()
    drained.wait_for(1)

    for turn in range(2, 6):
        other.execute("NOTIFY tests")
        drained.wait_for(turn)


def test_it_polls_for_a_ring_that_was_lost(loop, drained):
    loop(poll_seconds=0.05)

    drained.wait_for(5)


def test_it_polls_while_it_never_stops_ringing(loop, drained, other):
    silent = Drained()
    delivery.register("silent", silent)
    try:
        loop(poll_seconds=0.2)
        silent.wait_for(1)
        # Each ring comes long before the poll is due.
        end = time.monotonic() + WAIT
        while silent.turns < 3 and time.monotonic() < end:
            other.execute("NOTIFY tests")
        assert silent.turns >= 3
    finally:
        delivery.unregister("silent")


def test_what_is_not_finished_goes_on_without_a_ring(loop, drained):
    drained.more = 4

    loop()

    drained.wait_for(5)


def test_it_drains_first_when_the_connection_is_back_and_listens_again(loop, drained, other):
    loop()
    drained.wait_for(1)

    cut_the_listening_connection(other)
    drained.wait_for(2)

    other.execute("NOTIFY tests")
    drained.wait_for(3)


def test_the_defect_of_one_app_does_not_stop_the_news_of_another(loop, drained, other, caplog):
    drained.raises = ZeroDivisionError()
    healthy = Drained()
    delivery.register("healthy", healthy, channels=["tests"])

    loop()
    healthy.wait_for(1)
    other.execute("NOTIFY tests")
    healthy.wait_for(2)
    drained.wait_for(2)

    assert "The delivery of tests failed" in caplog.text
    delivery.unregister("healthy")
