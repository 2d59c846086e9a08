"""Web processes of a test: real gunicorns on the test's own database."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Barrier, Thread
from typing import Any

from tests import server


@dataclass
class Web:
    """A gunicorn and its worker, in a process group of their own."""

    port: int
    process: "subprocess.Popen[bytes]"

    def workers(self) -> list[int]:
        """The process ids of its workers, on Linux."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as children:
            return [int(pid) for pid in children.read().split()]

    def kill(self) -> None:
        """End all of it as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One call on a connection of its own: status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()


@contextmanager
def serving(*options: str, **environment: str) -> Iterator[Web]:
    """A gunicorn with one worker of eight threads, on the database that the environment names."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "loyalty_site.wsgi", f"--bind=fd://{listener.fileno()}"),
                *("--config=python:loyalty_site.web", "--workers=1", *options),
            ],
            cwd=server.ROOT,
            env={**os.environ, "LOG_LEVEL": "WARNING", **environment},
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        web = Web(listener.getsockname()[1], process)
        try:
            _wait(web)
            yield web
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    web.kill()


def _wait(web: Web) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and web.process.poll() is None:
        try:
            if web.call("GET", "/api/v1/nothing")[0] < 500:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("gunicorn did not serve")


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make the calls, each in a thread of its own, all let go at the same moment; their results in order."""
    barrier = Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def make(place: int) -> None:
        barrier.wait(60)
        results[place] = calls[place]()

    threads = [Thread(target=make, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results
