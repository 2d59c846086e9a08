"""The delivery loop: wakes at a NOTIFY, has each registered drain empty its table, and polls in case.

An app registers in `AppConfig.ready`:

    delivery.register("outbox", drain, channels=["outbox"])

A drain that calls providers is registered with `apart=True`, and runs in a thread of its own (apart.py).
"""

import logging
import os
import select
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connections

from loyalty_site.jobs.apart import Apart
from loyalty_site.jobs.connections import raw_connection

logger = logging.getLogger(__name__)

# A bell that was lost costs so much.
POLL_SECONDS = 2.0
RECONNECT_SECONDS = 1.0

Stop = Callable[[], bool]
# Delivers what is ready for some seconds at most, or until told to stop. Returns whether there is more.
Drain = Callable[[Stop], bool]


@dataclass(frozen=True)
class Loop:
    """What an app delivers, and the channels whose bell says that there is something to deliver."""

    name: str
    drain: Drain
    channels: frozenset[str]
    apart: bool = False


_registered: dict[str, Loop] = {}


def register(name: str, drain: Drain, *, channels: Iterable[str] = (), apart: bool = False) -> None:
    """Have every worker's delivery loop call `drain` when one of the channels rings, and every few seconds.

    `apart`: in a thread of its own, since it waits for providers.
    """
    _registered[name] = Loop(name, drain, frozenset(channels), apart)


def unregister(name: str) -> None:
    """Forget a loop: for tests that bring their own."""
    del _registered[name]


def registered() -> list[Loop]:
    """The loops of all apps."""
    return list(_registered.values())


def run(
    *,
    stop: Stop,
    wake_fd: int | None = None,
    alive: Callable[[], None] = lambda: None,
    check: Callable[[], None] = lambda: None,
    poll_seconds: float = POLL_SECONDS,
) -> None:
    """Deliver until `stop()`, over as many lost connections as there may be.

    A byte on `wake_fd` ends a wait (a signal's wakeup). Between drains, at least every poll, `alive` is called, and
    `check` where there is a database.
    """
    listener = _Listener(wake_fd)
    threads = {loop.name: Apart(loop.name, loop.drain, stop) for loop in registered() if loop.apart}
    try:
        while not stop():
            try:
                _listen_and_drain(listener, threads, stop, alive, check, poll_seconds)
            except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
                logger.warning("The delivery loop lost the database: %s", error)
                listener.close()
                connections.close_all()
                alive()
                listener.sleep(RECONNECT_SECONDS)
    finally:
        listener.close()
        for thread in threads.values():
            thread.end()


def _listen_and_drain(
    listener: "_Listener",
    threads: Mapping[str, Apart],
    stop: Stop,
    alive: Callable[[], None],
    check: Callable[[], None],
    poll_seconds: float,
) -> None:
    loops = registered()
    # LISTEN comes before the first drain: what commits in between rings.
    listener.listen({channel for loop in loops for channel in loop.channels})
    due: Sequence[Loop] = loops
    polled = time.monotonic()
    while not stop():
        alive()
        check()
        more = [loop for loop in due if not stop() and _deliver(loop, threads, stop)]
        rung = listener.wait(0 if more else max(0.0, polled + poll_seconds - time.monotonic()))
        now = time.monotonic()
        if now >= polled + poll_seconds:
            # In a shop where it never stops ringing, too: what waits for another attempt has no bell.
            due, polled = loops, now
        else:
            due = [loop for loop in loops if loop in more or loop.channels & rung]


def _deliver(loop: Loop, threads: Mapping[str, Apart], stop: Stop) -> bool:
    if loop.name not in threads:
        return _drain(loop, stop)
    threads[loop.name].wake()
    return False


def _drain(loop: Loop, stop: Stop) -> bool:
    try:
        return loop.drain(stop)
    except (OperationalError, InterfaceError):
        if not connections["default"].is_usable():
            raise
        logger.exception("The delivery of %s failed; it is tried again", loop.name)
    except Exception:
        # One app's defect must not keep the news of the others. It stays loud: every poll says so again, and the
        # age of what is not delivered raises the alarm.
        logger.exception("The delivery of %s failed; it is tried again", loop.name)
    return False


class _Listener:
    """A connection that LISTENs, and the wait on it and on the wakeup descriptor together."""

    def __init__(self, wake_fd: int | None) -> None:
        self.wake_fd = wake_fd
        self.connection: psycopg.Connection[Any] | None = None

    def listen(self, channels: Iterable[str]) -> None:
        self.close()
        self.connection = raw_connection(application_name="regulars listener")
        for channel in sorted(channels):
            self.connection.execute(psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel)))

    def wait(self, seconds: float) -> set[str]:
        """The channels that rang; none after a wakeup, and when the time is up."""
        if self.connection is None:
            raise OperationalError("The listening connection is closed.")
        self._select([self.connection.fileno()], seconds)
        return {notify.channel for notify in self.connection.notifies(timeout=0)}

    def sleep(self, seconds: float) -> None:
        """Wait, unless woken."""
        self._select([], seconds)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _select(self, descriptors: list[int], seconds: float) -> None:
        if self.wake_fd is not None:
            descriptors = [*descriptors, self.wake_fd]
        readable, _, _ = select.select(descriptors, [], [], seconds)
        if self.wake_fd in readable:
            os.read(self.wake_fd, 1024)
