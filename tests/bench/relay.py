"""The outbox relay: how many events a second reach a subscriber, and how long one is on its way."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.bench import ground, people
from tests.bench.table import Row, at_most, median_at_least
from tests.bench.worker import workers

KIND = "bench.happened"
EVENTS = 20_000
NOBODY = UUID(int=0)


# --- In a worker ----------------------------------------------------------------------------------------------
def drain() -> dict[str, Any]:
    """Relay all there is, in batches of 100, to one subscriber; events and seconds."""
    from loyalty_site import outbox
    from loyalty_site.outbox.subscribing import unsubscribe

    heard: list[int] = []

    def hear(events: list[Any]) -> None:
        heard.append(len(events))

    outbox.subscribe(KIND)(hear)
    begin = time.perf_counter()
    outbox.relay(batch_size=100)
    seconds = time.perf_counter() - begin
    unsubscribe(hear)
    return {"events": sum(heard), "seconds": seconds}


def listen(*, seconds: float) -> list[float]:
    """Run the delivery loop for so long; how many milliseconds each event was on its way."""
    from loyalty_site import outbox
    from loyalty_site.jobs import delivery
    from loyalty_site.outbox.subscribing import unsubscribe

    lags: list[float] = []

    def hear(events: list[Any]) -> None:
        now = time.time()
        lags.extend((now - event.facts["sent"]) * 1000 for event in events)

    outbox.subscribe(KIND)(hear)
    end = time.monotonic() + seconds
    delivery.run(stop=lambda: time.monotonic() >= end)
    unsubscribe(hear)
    return lags


# --- In the bench ---------------------------------------------------------------------------------------------
def rows(*, rounds: int = 5) -> Iterator[Row]:
    """The rows of the relay."""
    with ground.database("relay") as database, workers(1) as [worker]:
        rates = []
        for number in range(rounds + 1):
            _publish(EVENTS if number else 1000)
            people.settle_down(database)
            done = worker.call("relay", "drain")
            rates.append(done["events"] / done["seconds"])
        yield median_at_least("outbox relay to a subscriber, batch 100", rates[1:], 20_000, " events/s")
        yield _lag(worker)


def _event() -> Any:
    from loyalty_site.outbox import Event

    @dataclass(frozen=True, kw_only=True)
    class Happened(Event):
        kind = KIND

        sent: float
        text: str = "an event with some facts, as those of the ledger have"
        member_id: UUID = NOBODY
        points: int = 45

    return Happened(merchant_id=NOBODY, occurred_at=datetime.now(UTC), sent=time.time())


def _publish(count: int) -> None:
    from django.db import transaction

    from loyalty_site import outbox

    with transaction.atomic():
        outbox.publish_many(_event() for _ in range(count))


def _lag(worker: Any, seconds: float = 6.0) -> Row:
    """One event a transaction, a hundred a second, to a delivery loop that sleeps until the bell rings."""
    _publish(1)
    worker.begin("relay", "listen", seconds=seconds + 2)
    time.sleep(1.5)
    end = time.monotonic() + seconds - 0.5
    while time.monotonic() < end:
        _publish(1)
        time.sleep(0.01)
    # The first one waited for the loop to start.
    lags = sorted(worker.end()[1:])
    p99, median = lags[int(len(lags) * 0.99)], lags[len(lags) // 2]
    return at_most(
        f"lag of an event woken by NOTIFY, p99 of {len(lags)}", p99, 20, " ms", beside=f"p50: {median:.1f} ms"
    )
