"""The relay: takes events from the table to their subscribers."""

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection, transaction

from loyalty_site.outbox import claims
from loyalty_site.outbox.claims import Claim
from loyalty_site.outbox.subscribing import Subscriber, subscribers_to

logger = logging.getLogger(__name__)

BATCH = 100
# How long fresh news may keep the relay from what waits for another attempt.
TRIED_EVERY_SECONDS = 1.0
# A long transaction elsewhere (a backup, a report) keeps PostgreSQL from cleaning up what was delivered since it
# began, and each claim from the front would step over all of that. So a wake looks at so much of the past only, and a
# sweep now and then at all of it, for what committed late.
RECENT = timedelta(seconds=60)
SWEEP_SECONDS = 30.0


@dataclass
class Relayed:
    """What a call of `relay` has done. `more`: it stopped at its time limit, with events left."""

    done: int = 0
    failed: int = 0
    parked: int = 0
    more: bool = False


class _Failure(NamedTuple):
    claim: Claim
    subscriber: Subscriber
    error: BaseException


def relay(
    *,
    batch_size: int = BATCH,
    max_seconds: float | None = None,
    stop: Callable[[], bool] = lambda: False,
    recent_only: bool = False,
) -> Relayed:
    """Deliver everything that is ready, in transactions of its own, and return when nothing is.

    Any number of relays may run at once. Delivery is at least once: a subscriber's rows and the mark that it has
    heard commit together, so it hears twice only if an operator has it so. An event that fails is tried alone
    later, and parked after its last attempt; the others of its batch go through. `recent_only` leaves what has been
    ready for more than a minute to another call.
    """
    # A claim inside somebody's transaction would be no claim: refused here, before anything is taken.
    with transaction.atomic(durable=True):
        report = Relayed()
    with _asynchronous_commits():
        _drain(report, batch_size, max_seconds, stop, recent_only)
    return report


@contextmanager
def _asynchronous_commits() -> Iterator[None]:
    """Do not wait for the disk at each commit.

    Nothing can be lost by it: what a subscriber wrote and the mark that it did are in one transaction, so a
    database that crashes forgets both and the event is pending again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
    try:
        yield
    finally:
        if connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("RESET synchronous_commit")


def _drain(
    report: Relayed,
    batch_size: int,
    max_seconds: float | None,
    stop: Callable[[], bool],
    recent_only: bool,
) -> None:
    end = time.monotonic() + max_seconds if max_seconds is not None else None

    def must_end() -> bool:
        return stop() or (end is not None and time.monotonic() >= end)

    within = RECENT if recent_only else claims.EVER
    first = _first_id(datetime.now(UTC) - RECENT) if recent_only else UUID(int=0)
    after, from_the_start, tried_at = first, True, time.monotonic()
    while not must_end():
        batch = claims.claim_fresh(after=after, size=batch_size)
        if batch:
            # Going on from the last id, and not from the front again, steps over the dead rows of this very drain.
            after = batch[-1].event.id
            _deliver(batch, report)
        if len(batch) == batch_size:
            if time.monotonic() - tried_at > TRIED_EVERY_SECONDS:
                _deliver_tried(batch_size, within, report, must_end)
                tried_at = time.monotonic()
        elif from_the_start:
            if _deliver_tried(batch_size, within, report, must_end) < batch_size:
                return
        else:
            # Events that committed late stand before the last id.
            after, from_the_start = first, True
            continue
        from_the_start = False
    report.more = True


def _first_id(moment: datetime) -> UUID:
    """The smallest UUIDv7 of that millisecond."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def _deliver_tried(most: int, within: timedelta, report: Relayed, must_end: Callable[[], bool]) -> int:
    """Give up to `most` events another attempt, each alone. Return how many there were."""
    for count in range(most):
        if must_end():
            return most
        claim = claims.claim_tried(within)
        if claim is None:
            return count
        if claim.is_parked:
            logger.error("%s %s is parked: it ends its worker.", claim.event.kind, claim.event.id)
            report.parked += 1
        else:
            _deliver([claim], report)
    return most


def _deliver(batch: Sequence[Claim], report: Relayed) -> None:
    """Deliver a batch of one attempt: to each subscriber in turn, all at once or else one by one."""
    audience = subscribers_to({claim.event.kind for claim in batch})
    waiting = {
        claim.event.id: [
            subscriber for subscriber in audience[claim.event.kind] if subscriber.name not in claim.delivered_to
        ]
        for claim in batch
    }
    unheard = [claim for claim in batch if not waiting[claim.event.id]]
    if unheard:
        ids = [claim.event.id for claim in unheard]
        report.done += len(claims.mark(ids=ids, last=ids, names=[], attempt=unheard[0].attempt))

    failures: dict[UUID, _Failure] = {}
    for subscriber in _each_once(waiting):
        theirs = [claim for claim in batch if subscriber in waiting[claim.event.id]]
        error = _hand_over(subscriber, theirs, waiting, report)
        if error is None:
            continue
        for claim in theirs:
            if len(theirs) > 1:
                error = _hand_over(subscriber, [claim], waiting, report)
            if error is not None:
                failures.setdefault(claim.event.id, _Failure(claim, subscriber, error))
    # Only when everyone has had their turn: a parked event is no longer ours to hand over.
    for failure in failures.values():
        _note(failure, report)


def _each_once(waiting: dict[UUID, list[Subscriber]]) -> list[Subscriber]:
    return list({subscriber.name: subscriber for group in waiting.values() for subscriber in group}.values())


def _hand_over(
    subscriber: Subscriber,
    theirs: list[Claim],
    waiting: dict[UUID, list[Subscriber]],
    report: Relayed,
) -> BaseException | None:
    """Have the subscriber hear of these, in a transaction with the mark that it has. Return its error, if any."""
    ids = [claim.event.id for claim in theirs]
    last = [each for each in ids if waiting[each] == [subscriber]]
    try:
        with transaction.atomic(durable=True):
            ours = claims.mark(ids=ids, last=last, names=[subscriber.name], attempt=theirs[0].attempt)
            if ours:
                subscriber.handler([claim.event for claim in theirs if claim.event.id in ours])
    except Exception as error:
        # Whatever a subscriber raises is the event's failure; a lost database is not: the claims run out and the
        # events are tried again.
        if isinstance(error, DatabaseError | InterfaceError) and not connection.is_usable():
            raise
        return error
    for each in ids:
        waiting[each].remove(subscriber)
    report.done += sum(1 for each in last if each in ours)
    return None


def _note(failure: _Failure, report: Relayed) -> None:
    """Put the event back for another attempt, or park it."""
    claim, subscriber, error = failure
    logger.error(
        "%s cannot take %s %s (attempt %d)",
        subscriber.name,
        claim.event.kind,
        claim.event.id,
        claim.attempt,
        exc_info=error,
    )
    text = f"{subscriber.name}\n" + "".join(traceback.format_exception(error))
    report.failed += 1
    report.parked += claims.fail(claim, text)


class _Drain:
    """The relay as a turn of the delivery loop."""

    def __init__(self) -> None:
        self.swept_at = float("-inf")

    def __call__(self, stop: Callable[[], bool]) -> bool:
        """Deliver for some seconds at most. Return whether there is more."""
        began = time.monotonic()
        sweep = began - self.swept_at >= SWEEP_SECONDS
        report = relay(max_seconds=2.0, stop=stop, recent_only=not sweep)
        if sweep and not report.more:
            self.swept_at = began
        return report.more


drain = _Drain()
