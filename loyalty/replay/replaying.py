"""Going through the past: orders and daily runs in order of time."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

from loyalty.models import Program
from loyalty.operations import expiration, walking
from loyalty.operations.expiration import due
from loyalty.replay.booking import BATCH, Desk, refuse_other_orders
from loyalty.replay.nights import Nights
from loyalty.replay.orders import Order
from loyalty.replay.reading import OrderFile
from loyalty.replay.rules import JOB, Rules, make_program, refuse_other_rules, remembered
from loyalty_site import outbox
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.refusals import Refusal

NIGHT_JOB = "loyalty.replay_expiry"


class ReplayRunning(Refusal):
    """Two replays of one merchant at once would not go through it in order of time."""

    code = "replay_running"
    sentence = "A replay of this merchant is running."


class MembersBusy(Refusal):
    """Somebody else held members of a night so long that it could not be finished."""

    code = "members_busy"
    sentence = "Members are being used by somebody else; run the replay again, it goes on from here."


def replay(
    file: OrderFile,
    *,
    slug: str,
    rules: Rules,
    until: datetime | None = None,
    trigger: str = Run.Trigger.COMMAND,
    advance: Callable[[int], None] = lambda steps: None,
) -> Program:
    """Take the merchant through the orders and daily runs of the file, up to `until`; return its program.

    Merchant, program, stores and members are made where missing. Each batch of orders and each chunk of a night
    commits by itself, and none counts twice: after a crash, or with more of the file, call it again. Orders belong to
    one run, what a night expires to a run of that night's. `advance` hears of each batch's number of orders. Raises
    `OtherRules`, `InvalidRules`, `OrderRefused` before anything is written; `ReplayRunning`, `MembersBusy`.
    """
    with _alone(slug):
        refuse_other_rules(slug, rules)
        refuse_other_orders(slug, file.orders)
        program = make_program(slug, rules)
        with runs.record(JOB, trigger=trigger, merchant=program.merchant, as_of=until) as run:
            run.counts = remembered(rules) | {"file": file.sha256}
            # Kept from the beginning: one that dies has booked orders by these rules.
            run.save(update_fields=["counts"])
            with outbox.backfilling():
                done = _go_through(file.orders, Desk(program, rules, run.pk), until, trigger, advance)
            run.counts |= done
    return program


def _go_through(
    orders: list[Order], desk: Desk, until: datetime | None, trigger: str, advance: Callable[[int], None]
) -> Counter[str]:
    counts: Counter[str] = Counter(orders=0, entries=0, nights=0, members_expired=0, points_expired=0)
    nights = Nights(orders[0].at, orders[-1].at, until)
    place = 0
    for night in nights:
        # An order at the run's own instant comes first.
        place = _book(orders, place, night, desk, counts, advance)
        counts.update(_expire(desk.program, night, trigger))
    _book(orders, place, min(nights.as_of, until or nights.as_of), desk, counts, advance)
    return counts


def _book(
    orders: list[Order], place: int, moment: datetime, desk: Desk, counts: Counter[str], advance: Callable[[int], None]
) -> int:
    """Book what happened up to `moment`; return the place of the first order after it."""
    end = place
    while end < len(orders) and orders[end].at <= moment:
        end += 1
    for first in range(place, end, BATCH):
        batch = orders[first : min(first + BATCH, end)]
        counts.update(desk.book(batch))
        advance(len(batch))
    return end


def _expire(program: Program, at: datetime, trigger: str) -> Counter[str]:
    """The night's expiry. A night on which nobody is due leaves no run behind."""
    if not _anybody_due(program, at):
        return Counter()
    with runs.record(NIGHT_JOB, trigger=trigger, merchant=program.merchant, as_of=at) as run:
        taken = expiration.expire(programs=[program], at=at, run_id=run.pk, warn=False)
        run.counts = dict(taken)
        if taken["skipped_locked"]:
            raise MembersBusy
    return Counter(nights=1, members_expired=taken["members"], points_expired=taken["points"])


def _anybody_due(program: Program, at: datetime) -> bool:
    night = due.Night(program, at)
    if program.expires_by_inactivity and any(walking.walk(night, due.INACTIVE, 1)):
        return True
    return program.expires_by_lots and any(walking.walk(night, due.WITH_DUE_LOTS, 1))


@contextmanager
def _alone(slug: str) -> Iterator[None]:
    """Hold the merchant's replay for this session; PostgreSQL lets go of it if we die. Raises `ReplayRunning`."""
    digest = hashlib.blake2b(slug.encode(), digest_size=8, person=b"regulars replay").digest()
    number = int.from_bytes(digest, signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise ReplayRunning
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
