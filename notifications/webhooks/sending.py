"""The sender: claims what is due, posts it from threads, writes down what became of it."""

import logging
import queue
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from loyalty_site import sealing
from notifications import outbound
from notifications.webhooks import claims, signing
from notifications.webhooks.claims import Claim
from notifications.webhooks.schedule import Attempt

logger = logging.getLogger(__name__)

SECONDS = 20.0
# Attempts under way at once: of endpoints that work, several of each; of those that fail, one of each.
PLACES = 24
EACH = 8
FAILING_PLACES = 8
# What becomes due while attempts are under way is seen after so long.
LOOK_SECONDS = 0.5

Clock = Callable[[], datetime]
Stop = Callable[[], bool]


@dataclass
class Sent:
    """What a call of `send` has done."""

    delivered: int = 0
    failed: int = 0


def send(
    *,
    clock: Clock = timezone.now,
    stop: Stop = lambda: False,
    max_seconds: float | None = None,
    seconds: float = SECONDS,
) -> Sent:
    """Post everything that is due and return when nothing is, or when told to stop, with no attempt under way.

    Any number of senders may run at once. Threads talk to endpoints and to nobody else; the caller's thread talks to
    the database. `clock` is asked at each claim and attempt; an endpoint has `seconds` to answer.
    """
    # A claim inside somebody's transaction would be no claim: refused here, before anything is taken.
    with transaction.atomic(durable=True):
        pass
    return _Sending(clock, stop, max_seconds, seconds).run()


class _Sending:
    def __init__(self, clock: Clock, stop: Stop, max_seconds: float | None, seconds: float) -> None:
        self.clock, self.stop, self.seconds = clock, stop, seconds
        self.ends_at = time.monotonic() + max_seconds if max_seconds is not None else float("inf")
        self.under_way: dict[Future[Attempt], tuple[Claim, bool]] = {}
        self.finished: queue.SimpleQueue[Future[Attempt]] = queue.SimpleQueue()
        self.sent = Sent()

    def run(self) -> Sent:
        with ThreadPoolExecutor(PLACES + FAILING_PLACES, thread_name_prefix="webhooks") as threads:
            while True:
                if not self.stop() and time.monotonic() < self.ends_at:
                    self._claim(threads, failing=False, places=PLACES, each=EACH)
                    self._claim(threads, failing=True, places=FAILING_PLACES, each=1)
                if not self.under_way:
                    return self.sent
                self._record(self._wait())

    def _claim(self, threads: ThreadPoolExecutor, *, failing: bool, places: int, each: int) -> None:
        free = places - sum(1 for _, is_failing in self.under_way.values() if is_failing is failing)
        if free <= 0:
            return
        busy: Counter[UUID] = Counter(claim.endpoint.pk for claim, _ in self.under_way.values())
        for claim in claims.claim(failing=failing, busy=list(busy), places=free, each=each, at=self.clock()):
            future = threads.submit(attempt, claim, self.clock, self.seconds)
            self.under_way[future] = (claim, failing)
            future.add_done_callback(self.finished.put)

    def _wait(self) -> list[Future[Attempt]]:
        """All that have finished, at least one unless the time to look again has come."""
        found = []
        try:
            found.append(self.finished.get(timeout=LOOK_SECONDS))
            while True:
                found.append(self.finished.get_nowait())
        except queue.Empty:
            pass
        return found

    def _record(self, finished: list[Future[Attempt]]) -> None:
        if not finished:
            return
        done = [(self.under_way.pop(future)[0], future.result()) for future in finished]
        claims.record(done)
        taken = sum(1 for _, each in done if each.is_taken)
        self.sent.delivered += taken
        self.sent.failed += len(done) - taken


def attempt(claim: Claim, clock: Clock, seconds: float) -> Attempt:
    """Post it once. Whatever goes wrong is part of the answer."""
    at, began = clock(), time.monotonic()
    status, error, retry_after = None, "", None
    try:
        body = claim.body.encode()
        keys = signing.secrets_of(claim.endpoint, at=at)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Regulars-Webhooks/1",
            **signing.headers(keys, webhook_id=claim.event_id, body=body, at=at),
        }
        answer = outbound.client().post(claim.endpoint.url, body=body, headers=headers, seconds=seconds)
        status, retry_after = answer.status, outbound.retry_after(answer.headers, now=at)
        if 300 <= status < 400:
            error = "Answered with a redirect, which is not followed."
        elif not 200 <= status < 300:
            error = f"Answered {status}."
    except outbound.TargetRefused as refusal:
        error = f"Not called: {refusal.detail}"
    except outbound.CallFailed as failure:
        error = str(failure)
    except sealing.CannotBeOpened:
        error = "Not called: the secret was sealed with another SECRET_KEY. Rotate it."
    except Exception as defect:
        # One delivery's defect is its own: the others are sent and recorded.
        logger.exception("The attempt of %s failed", claim.delivery_id)
        error = f"Not called: {type(defect).__name__}"
    seconds = time.monotonic() - began
    return Attempt(
        at=at + timedelta(seconds=seconds),
        milliseconds=round(seconds * 1000),
        status=status,
        error=error,
        retry_after=retry_after,
    )


def drain(stop: Stop) -> bool:
    """The sender as a turn of the delivery loop, in the thread that the loop gives it."""
    if claims.is_due(timezone.now()):
        send(stop=stop)
    return False
