"""A running server and who uses it."""

import atexit
import fcntl
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from loyalty_site.embedded import cluster
from loyalty_site.embedded.cluster import PORT, START_SECONDS
from loyalty_site.embedded.tools import programs


@dataclass
class Server:
    """A running PostgreSQL that this process uses until it leaves or stops it."""

    directory: Path
    version: int
    socket_directory: Path
    started_here: bool
    _users: IO[bytes]
    _process: int

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "run" / "server.log"

    def url(self, user: str, database: str) -> str:
        """The address for DATABASE_URL, psycopg and the PostgreSQL tools alike."""
        host = quote(str(self.socket_directory), safe="/")
        return f"postgresql://{quote(user)}@:{PORT}/{quote(database)}?host={host}"

    def tool(self, name: str) -> Path:
        """The path of pg_dump, psql, pgbench and their like, of the server's version."""
        return programs(self.version) / name

    def leave(self) -> None:
        """Use the server no longer; the last process to leave stops it. Leaving twice does nothing."""
        if self._users.closed or os.getpid() != self._process:
            return
        with _alone(self.directory):
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                cluster.stop(self.directory, self.version)
            self._users.close()

    def stop(self) -> None:
        """Stop the server, whoever else still uses it."""
        with _alone(self.directory):
            cluster.stop(self.directory, self.version)
            self._users.close()


def start(
    home: Path,
    *,
    version: int = 18,
    options: Mapping[str, str] | None = None,
    durable: bool = True,
) -> Server:
    """Start the server that lives in `home`, or join it where it runs already, and count as one of its users.

    `home` is made where it is missing; `options` are settings of the server, given when it starts. With
    `durable=False` the new data directory is not synced to disk: for servers that are thrown away.

    Raises `ServerFailedError` if PostgreSQL does not come up.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        cluster.make_data(home, version, durable=durable)
        socket_directory = cluster.running(home)
        started_here = socket_directory is None
        if socket_directory is None:
            cluster.clear_leftovers(home)
            socket_directory = cluster.start(home, version, options or {})
        users = (home / "users").open("ab")
        fcntl.flock(users, fcntl.LOCK_SH)
    return Server(home, version, socket_directory, started_here, users, os.getpid())


def remove_if_unused(home: Path) -> bool:
    """Stop and delete the throw-away server in `home` if every process that used it is gone; say whether it was."""
    # Its maker died before it came up, or is about to bring it up: a minute tells them apart.
    is_new = time.time() - home.stat().st_mtime < START_SECONDS
    if is_new and not (home / "users").exists():
        return False
    with _alone(home):
        with (home / "users").open("ab") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if (home / "data").exists():
                cluster.stop(home, int((home / "data" / "PG_VERSION").read_text()))
        shutil.rmtree(home, ignore_errors=True)
    return True


def leave_at_exit(server: Server) -> None:
    """Leave the server when this process ends: by its own will, by Ctrl-C, by SIGTERM or when its terminal closes."""
    atexit.register(_leave_undisturbed, server)
    exit_on_signals()


def exit_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into a clean exit where nobody else handles them: `finally` and atexit still run."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _exit)


def _exit(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _leave_undisturbed(server: Server) -> None:
    # A second Ctrl-C while the server stops would leave it running with nobody to stop it.
    if os.getpid() == server._process and threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    server.leave()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process at a time starts or stops the server."""
    with (home / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
