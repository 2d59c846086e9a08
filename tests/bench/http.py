"""POST earn over HTTP: one gunicorn worker with threads, key check, limit, idempotency and all, against the bound.

Both are asked over a Unix socket: pgbench PostgreSQL, the tills gunicorn, as nginx does in docs/deploy/nginx.md. The
worker keeps to a core and PostgreSQL, while the worker is asked, to the others, as in docs/deploy/systemd.md; the bound
has all of them. Beside it stands a worker where everything runs where it likes.
"""

import os
import random
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tests import server
from tests.bench import ground, people
from tests.bench.bound import Bound
from tests.bench.table import Row, at_least, at_most
from tests.bench.worker import workers

MEMBERS = 10_000
CONNECTIONS = 8
ON_A_CORE = "--config=python:loyalty_site.cores"
ANYWHERE = "--config=python:loyalty_site.web"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


# --- In a worker ----------------------------------------------------------------------------------------------
class _Till:
    """One connection that is kept alive: sends a purchase as soon as the one before is answered."""

    def __init__(self, address: str, secret: str, number: int) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(address)
        self.secret, self.mark, self.sent = secret, f"{number}-{time.time_ns()}", 0
        self.since, self.received, self.missing = 0.0, b"", 0

    def send(self) -> None:
        self.sent += 1
        order = f"{self.mark}-{self.sent}"
        body = f'{{"amount": "4.50", "currency": "EUR", "orderReference": "{order}"}}'
        head = (
            f"POST /api/v1/store/loyalty/cards/{random.randint(1, MEMBERS)}/points HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Api-Key {self.secret}\r\nIdempotency-Key: {order}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.since = time.perf_counter()
        self.socket.sendall((head + body).encode())

    def answered(self) -> bool:
        """Read what is there; whether the answer is whole. Anything but 201 ends the bench."""
        self.received += self.socket.recv(65536)
        head, found, rest = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return False
        if not head.startswith(b"HTTP/1.1 201"):
            raise SystemExit(self.received.decode())
        self.received = b""
        return True


def purchases(*, address: str, secret: str, connections: int, seconds: float) -> list[float]:
    """Purchases over so many connections for so long: how long each took."""
    tills = [_Till(address, secret, number) for number in range(connections)]
    took: list[float] = []
    with selectors.DefaultSelector() as ready:
        for till in tills:
            ready.register(till.socket, selectors.EVENT_READ, till)
            till.send()
        end = time.perf_counter() + seconds
        while (now := time.perf_counter()) < end:
            for key, _ in ready.select(timeout=end - now):
                if key.data.answered():
                    took.append(time.perf_counter() - key.data.since)
                    key.data.send()
    for till in tills:
        till.socket.close()
    return took


# --- In the bench ---------------------------------------------------------------------------------------------
def rows(*, rounds: int = 5, seconds: float = 4.0) -> Iterator[Row]:
    """The rows of the store door."""
    from django.db import connections

    with ground.database("http") as database:
        program = people.make_program("http")
        with ground.loading(database) as connection:
            people.load(connection, program, 1, people.Crowd(members=MEMBERS, active_at=LONG_AGO, points=100))
        secret = _key(program)
        bound = Bound(database)
        people.settle_down(database)
        connections.close_all()
        # The worker takes the first one.
        others = sorted(os.sched_getaffinity(0))[1:]
        with _site(ON_A_CORE) as kept, _site(ANYWHERE) as free, workers(1) as [till]:

            def earn(address: str, *, seconds: float) -> list[float]:
                asked = {"address": address, "secret": secret, "connections": CONNECTIONS}
                took: list[float] = till.call("http", "purchases", seconds=seconds, **asked)
                return took

            for address in (kept, free):
                earn(address, seconds=1.5)
            bound.run(clients=CONNECTIONS, seconds=1)
            pairs, pairs_of_free, took = [], [], []
            for _ in range(rounds):
                theirs = bound.run(clients=CONNECTIONS, seconds=seconds)
                with ground.server_on(others):
                    round_took = earn(kept, seconds=seconds)
                pairs.append((len(round_took) / seconds, theirs))
                took.append(_percentiles(round_took))
                pairs_of_free.append((len(earn(free, seconds=seconds)) / seconds, theirs))
        bound.close()
    what = "POST earn over HTTP, 1 gthread worker on a core, PostgreSQL on the others"
    yield at_least(f"{what} (bound: pgbench, 8 clients)", pairs, 0.12)
    yield at_least("the same, both on any core", pairs_of_free, None)
    slow = statistics.median(p99 / p50 for p50, p99 in took)
    p50, p99 = (statistics.median(each) * 1000 for each in zip(*took, strict=True))
    shown = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    yield at_most(f"POST earn over HTTP, {CONNECTIONS} connections: p99 in p50s", slow, 5, " x", shown=shown)


def _percentiles(took: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(took, n=100)
    return cuts[49], cuts[98]


def _key(program: Any) -> str:
    from loyalty_site.http import keys
    from loyalty_site.tenants.models import Store

    store = Store.objects.get(merchant=program.merchant)
    return keys.make(merchant=program.merchant, store=store, name="till", scopes=["store"], at=datetime.now(UTC))[1]


@contextmanager
def _site(config: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        address = f"{folder}/web.sock"
        listener.bind(address)
        listener.listen(128)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "loyalty_site.wsgi", f"--bind=fd://{listener.fileno()}"),
                *(config, "--workers=1"),
            ],
            cwd=server.ROOT,
            env={
                **os.environ,
                "ALLOWED_HOSTS": "127.0.0.1",
                # Counted like any other; there is no till that sends so many.
                "RATE_LIMIT_STORE": "1000000000",
            },
            pass_fds=[listener.fileno()],
        )
        try:
            _wait(address)
            yield address
        finally:
            process.terminate()
            process.wait(30)


def _wait(address: str) -> None:
    for _ in range(300):
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(30)
            asking.connect(address)
            asking.sendall(b"GET /api/v1/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if asking.recv(4096).startswith(b"HTTP/1.1"):
                return
        time.sleep(0.1)
    raise SystemExit("gunicorn did not serve.")
