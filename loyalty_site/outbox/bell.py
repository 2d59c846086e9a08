"""The bell: a NOTIFY after the commit, from a thread of its own.

Inside the change's transaction a NOTIFY would take a lock that every other notifying commit waits for, and a round
trip of the till's time. So a thread per process rings, once for all changes that committed meanwhile. A ring that
is lost (a process that ends, a database that restarts) costs nothing but time: the delivery loop also polls.
"""

import logging
import os
import threading
import time
from functools import cache

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from loyalty_site.jobs.connections import database_name, raw_connection

logger = logging.getLogger(__name__)

# Rings of one process are at least so far apart; what commits in between shares the next one. Each is a transaction:
# where a process is as busy as `BUSY` changes between two rings, fewer rings leave more for the tills.
QUIET_SECONDS = 0.01
BUSY_QUIET_SECONDS = 0.015
BUSY = 3
# A process that publishes nothing for so long gives its connection back.
IDLE_SECONDS = 30.0


@cache
def _notify(channel: str) -> bytes:
    return sql.SQL("NOTIFY {}").format(sql.Identifier(channel)).as_bytes()


class _Bell:
    def __init__(self) -> None:
        self.wanted: set[str] = set()
        # Changes since the last ring, as near as threads without a lock count them.
        self.changes = 0
        self.woken = threading.Event()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.connection: psycopg.Connection | None = None
        self.connected_to = ""

    def ring(self, channel: str) -> None:
        self.wanted.add(channel)
        self.changes += 1
        if not self.woken.is_set():
            self.woken.set()
        if self.thread is None:
            self._start()

    def _start(self) -> None:
        with self.lock:
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="outbox-bell", daemon=True)
                self.thread.start()

    def _run(self) -> None:
        while True:
            if not self.woken.wait(IDLE_SECONDS):
                self._disconnect()
                self.woken.wait()
            # Cleared before looking: a ring from here on is either seen below or wakes us again.
            self.woken.clear()
            channels = [self.wanted.pop() for _ in range(len(self.wanted))]
            try:
                self._notify(channels)
            except psycopg.Error as error:
                logger.info("The bell could not ring: %s", error)
                self._disconnect()
            busy, self.changes = self.changes >= BUSY, 0
            time.sleep(BUSY_QUIET_SECONDS if busy else QUIET_SECONDS)

    def _notify(self, channels: list[str]) -> None:
        if self.connection is not None and self.connected_to != database_name():
            self._disconnect()
        try:
            self._send(channels)
        except psycopg.OperationalError:
            # A connection that stood idle may have been closed from the other side.
            self._disconnect()
            self._send(channels)

    def _send(self, channels: list[str]) -> None:
        if self.connection is None:
            self.connected_to = database_name()
            self.connection = raw_connection(application_name="regulars bell")
            # A NOTIFY has a commit of its own, which would wait for the disk behind those of the tills.
            self.connection.execute("SET synchronous_commit TO off")
        for channel in channels:
            # libpq itself: a cursor would cost more than the statement, hundreds of times a second in a busy process.
            result = self.connection.pgconn.exec_(_notify(channel))
            if result.status != ExecStatus.COMMAND_OK:
                raise psycopg.OperationalError(result.error_message.decode(errors="replace"))

    def _disconnect(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


_bell = _Bell()
_of_parents: list[_Bell] = []


def ring(channel: str) -> None:
    """Wake whoever listens to `channel`, soon and once. Never waits, never raises."""
    _bell.ring(channel)


def _after_fork() -> None:
    # A child has no bell thread, and must neither use nor close the connection of its parent: keep it unread.
    global _bell
    _of_parents.append(_bell)
    _bell = _Bell()


os.register_at_fork(after_in_child=_after_fork)
