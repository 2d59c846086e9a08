"""`points.earn` and `redemptions.redeem`, called in process, against the bound."""

import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from tests.bench import ground, people
from tests.bench.bound import Bound
from tests.bench.table import Row, at_least
from tests.bench.worker import Worker, together, workers

MEMBERS = 10_000
PROGRAMS = 100
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

# One call in so many is a retry of the order before, or a reference used for another amount, which is refused.
RETRY_EVERY = 50
REUSE_EVERY = 100

_orders = iter(range(10**9))


# --- In a worker ----------------------------------------------------------------------------------------------
def earn(*, worker: int, programs: list[str], seconds: float) -> float:
    """Earn for so long; calls a second."""
    from loyalty.ledger import KeyReused
    from loyalty.operations import points

    members, stores = _members(tuple(programs))
    choose = random.Random(worker * 7919 + time.time_ns()).choice
    calls, begin = 0, time.perf_counter()
    end = begin + seconds
    while time.perf_counter() < end:
        member = choose(members)
        order, amount = f"{os.getpid()}-{next(_orders)}", Decimal("4.50")
        store = stores[member.merchant_id]
        at = datetime.now(UTC)
        points.earn(member=member, store=store, amount=amount, order_reference=order, at=at)
        calls += 1
        if calls % RETRY_EVERY == 0:
            points.earn(member=member, store=store, amount=amount, order_reference=order, at=at)
            calls += 1
        if calls % REUSE_EVERY == 0:
            try:
                points.earn(member=member, store=store, amount=amount * 2, order_reference=order, at=at)
            except KeyReused:
                calls += 1
    return calls / (time.perf_counter() - begin)


def redeem(*, worker: int, programs: list[str], seconds: float) -> float:
    """Redeem a part of a member's lots for so long; calls a second."""
    from loyalty.operations import redemptions

    members, stores = _members(tuple(programs))
    choose = random.Random(worker * 7919 + time.time_ns()).choice
    calls, begin = 0, time.perf_counter()
    end = begin + seconds
    while time.perf_counter() < end:
        member = choose(members)
        redemptions.redeem(
            member=member,
            store=stores[member.merchant_id],
            points=5,
            order_reference=f"{os.getpid()}-{next(_orders)}",
            at=datetime.now(UTC),
        )
        calls += 1
    return calls / (time.perf_counter() - begin)


@lru_cache
def _members(slugs: tuple[str, ...]) -> tuple[list[Any], dict[Any, Any]]:
    from loyalty.models import Member
    from loyalty_site.tenants.models import Store

    members = list(Member.objects.select_related("program", "tier").filter(program__merchant__slug__in=slugs))
    # A door reads the member with its program once a request: one object of it for all is what caches give.
    program_of = {member.program_id: member.program for member in members}
    for member in members:
        member.program = program_of[member.program_id]
    return members, {store.merchant_id: store for store in Store.objects.filter(merchant__slug__in=slugs)}


# --- In the bench ---------------------------------------------------------------------------------------------
def rows(*, rounds: int = 5, seconds: float = 3.0) -> Iterator[Row]:
    """The rows of earning and redeeming."""
    with ground.database("earn") as database:
        _populate(database)
        bound = Bound(database)
        people.settle_down(database)
        with workers(8) as team:
            yield from _against_the_bound(bound, team, rounds, seconds)
            yield _one_program_against_many(team, rounds, seconds)
            yield _redeem_against_earn(team[:1], rounds, seconds)
        bound.close()


def _populate(database: str) -> None:
    one = people.make_program("one")
    many = [people.make_program(f"many-{number}") for number in range(PROGRAMS)]
    lots = people.make_program("lots", expiry_policy="lots", points_valid_days=90)
    crowd = people.Crowd(members=MEMBERS, active_at=LONG_AGO, points=100)
    few = replace(crowd, members=MEMBERS // PROGRAMS)
    rich = replace(crowd, points=10**9, lot_at=datetime.now(UTC) + timedelta(days=30))
    with ground.loading(database) as connection:
        people.load(connection, one, 1, crowd)
        people.load(connection, lots, 2, rich)
        for number, program in enumerate(many):
            people.load(connection, program, 100 + number, few)


def _total(team: list[Worker], function: str, programs: list[str], seconds: float) -> float:
    numbers = list(range(len(team)))
    return sum(together(team, "earn", function, worker=numbers, programs=[programs for _ in team], seconds=seconds))


def _against_the_bound(bound: Bound, team: list[Worker], rounds: int, seconds: float) -> Iterator[Row]:
    _total(team, "earn", ["one"], 1.0)
    bound.run(clients=8, seconds=1)
    for count, bar in ((1, 0.50), (8, 0.33)):
        pairs = []
        for _ in range(rounds):
            theirs = bound.run(clients=count, seconds=seconds)
            pairs.append((_total(team[:count], "earn", ["one"], seconds), theirs))
        processes = "1 process" if count == 1 else f"{count} processes"
        yield at_least(f"points.earn, {processes} (bound: pgbench, {count} clients)", pairs, bar)


def _one_program_against_many(team: list[Worker], rounds: int, seconds: float) -> Row:
    many = [f"many-{number}" for number in range(PROGRAMS)]
    _total(team, "earn", many, 1.0)
    pairs = []
    for _ in range(rounds):
        spread = _total(team, "earn", many, seconds)
        pairs.append((_total(team, "earn", ["one"], seconds), spread))
    return at_least(f"all earns in one program (other form: in {PROGRAMS}), 8 processes", pairs, 0.9)


def _redeem_against_earn(team: list[Worker], rounds: int, seconds: float) -> Row:
    _total(team, "redeem", ["lots"], 1.0)
    pairs = []
    for _ in range(rounds):
        earned = _total(team, "earn", ["lots"], seconds)
        pairs.append((_total(team, "redeem", ["lots"], seconds), earned))
    return at_least("redemptions.redeem (other form: points.earn that makes a lot), 1 process", pairs, 0.6)
