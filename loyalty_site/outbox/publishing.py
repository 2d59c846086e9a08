"""Writing news beside the change it tells of."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import Model
from django.db.models.sql import InsertQuery
from django.db.transaction import TransactionManagementError

from loyalty_site.ids import NEW_IDS_SQL, new_id
from loyalty_site.outbox import bell
from loyalty_site.outbox.events import Event, as_json, facts_of
from loyalty_site.postgres.own import own_connection
from loyalty_site.prepared import run

CHANNEL = "outbox"

# What is published within `together()`, and waits for its end.
_gathered: ContextVar["Together | None"] = ContextVar("outbox_gathered", default=None)
_backfilling: ContextVar[bool] = ContextVar("outbox_backfilling", default=False)

# Up to so many events go as plain rows, in a prepared statement; more go as one text, in a statement planned for it.
_FEW = 4
_ROW = "(%s, %s, %s, %s::jsonb, %s)"
_INSERT_FEW = {
    count: "INSERT INTO outbox_events (id, kind, merchant_id, facts, backfill) VALUES " + ", ".join([_ROW] * count)
    for count in range(1, _FEW + 1)
}

# One JSON text for all rows: an array parameter a column costs several times as much to quote and to parse.
_INSERT_MANY = f"""
INSERT INTO outbox_events (id, kind, merchant_id, facts, backfill)
SELECT {NEW_IDS_SQL}, item->>0, (item->1->>'merchant_id')::uuid, item->1, %s
FROM jsonb_array_elements(%s::jsonb) AS item
"""


def publish(event: Event, *, backfill: bool | None = None) -> None:
    """Write the event in the transaction under way: both commit or neither does.

    `backfill` says that it tells of the past (an import, a replay), which nobody is to be written to about;
    left out, it is what `backfilling()` around the call says.
    """
    publish_many([event], backfill=backfill)


def publish_many(events: Iterable[Event], *, backfill: bool | None = None) -> None:
    """Write all of these events, in one statement, in the transaction under way."""
    events = list(events)
    if not events:
        return
    _refuse_outside_a_transaction()
    if backfill is None:
        backfill = _backfilling.get()
    if (gathered := _gathered.get()) is not None and backfill is gathered.backfill:
        gathered.events += events
    else:
        _write(events, backfill)


class Together:
    """What `together()` gathers. `beside` are the caller's own changes, to travel in the same statement."""

    def __init__(self, backfill: bool) -> None:
        self.backfill = backfill
        self.events: list[Event] = []
        self.beside: list[tuple[str, Sequence[Any]]] = []


@contextmanager
def together(*, last: bool = False) -> Iterator[Together]:
    """Write what is published within in one statement at the end: one round trip for all of it, and `beside`.

    Nothing is written where the block raises. A block within another hands its news on to that one. `last` promises
    that nothing follows in this transaction: where it is the outermost one, it commits in the same round trip.
    """
    outer = _gathered.get()
    gathered = Together(_backfilling.get())
    token = _gathered.set(gathered)
    try:
        yield gathered
    finally:
        _gathered.reset(token)
    if outer is not None:
        outer.beside += gathered.beside
        publish_many(gathered.events, backfill=gathered.backfill)
    elif gathered.events:
        _write(gathered.events, gathered.backfill, gathered.beside, last=last)
    elif gathered.beside:
        *before, (statement, values) = gathered.beside
        clause, parameters = _clause(before)
        run(clause + statement, [*parameters, *values], last=last)


def alongside(statement: str, parameters: Sequence[Any]) -> None:
    """Make a change whose result nobody waits for: within `together()` it travels with the news, else it goes at once.

    It must be an INSERT, UPDATE or DELETE, and no row may be changed by two of them.
    """
    if (gathered := _gathered.get()) is not None:
        gathered.beside.append((statement, parameters))
    else:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)


def insert_alongside(row: Model) -> None:
    """Insert the row `alongside`: as `row.save(force_insert=True)`, without signals."""
    query = InsertQuery(type(row))
    query.insert_values(row._meta.concrete_fields, [row])
    [(statement, parameters)] = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    alongside(statement, parameters)


def is_gathering() -> bool:
    """Whether what is published now waits for the end of a `together()`, and so costs no statement of its own."""
    return _gathered.get() is not None


def insert_where(events: Sequence[Event], condition: str) -> tuple[str, list[Any]]:
    """The statement, and its parameters, that writes these events where an SQL condition holds.

    For a change that tells of itself only if it was made. Whoever runs it, in a transaction, sees to it that the relay
    hears of it: `announce`.
    """
    row = "(%s::uuid, %s::text, %s::uuid, %s::jsonb, %s::boolean)"
    values = [value for event in events for value in _row_of(event, _backfilling.get())]
    statement = (
        "INSERT INTO outbox_events (id, kind, merchant_id, facts, backfill) "
        f"SELECT * FROM (VALUES {', '.join([row] * len(events))}) AS news WHERE {condition}"
    )
    return statement, values


def _row_of(event: Event, backfill: bool) -> tuple[Any, ...]:
    return new_id(), event.kind, event.merchant_id, as_json(facts_of(event)), backfill


def _clause(statements: Sequence[tuple[str, Sequence[Any]]]) -> tuple[str, list[Any]]:
    """WITH clause and parameters of changes that travel in front of another."""
    if not statements:
        return "", []
    named = ", ".join(f"beside{place} AS ({statement})" for place, (statement, _) in enumerate(statements))
    return f"WITH {named} ", [value for _, values in statements for value in values]


def _write(
    events: list[Event], backfill: bool, beside: Sequence[tuple[str, Sequence[Any]]] = (), *, last: bool = False
) -> None:
    before, values = _clause(beside)
    if len(events) <= _FEW:
        for event in events:
            values += _row_of(event, backfill)
        run(before + _INSERT_FEW[len(events)], values, last=last)
    else:
        with connection.cursor() as cursor:
            facts = as_json([(event.kind, facts_of(event)) for event in events])
            cursor.execute(before + _INSERT_MANY, (*values, backfill, facts))
    announce()


def publish_query(
    event_class: type[Event], query: str, parameters: Sequence[Any] = (), *, backfill: bool | None = None
) -> int:
    """Write one event of the class for each row of an SQL query, without a row passing through Python.

    For work over millions of members. The query's columns are the event's fields by name (a decimal must be cast
    to text). Return how many events there were.
    """
    _refuse_outside_a_transaction()
    with connection.cursor() as cursor:
        cursor.execute(insert_query(event_class, query, backfill=backfill), parameters)
        written: int = cursor.rowcount
    if written:
        announce()
    return written


def insert_query(event_class: type[Event], query: str, *, backfill: bool | None = None) -> str:
    """The statement of `publish_query`, for one that does more than publish.

    Whoever runs it, in a transaction, sees to it that the relay hears of it: `announce`.
    """
    if backfill is None:
        backfill = _backfilling.get()
    facts = ", ".join(f"source.{field.name}" for field in fields(event_class))
    return f"""
        INSERT INTO outbox_events (id, kind, merchant_id, facts, backfill)
        SELECT {NEW_IDS_SQL}, '{event_class.kind}', facts.merchant_id, to_jsonb(facts), {backfill}
        FROM (SELECT {facts} FROM ({query}) AS source) AS facts"""


@contextmanager
def backfilling() -> Iterator[None]:
    """Everything published within tells of the past."""
    token = _backfilling.set(True)
    try:
        yield
    finally:
        _backfilling.reset(token)


def is_backfill() -> bool:
    """Whether what is published now tells of the past."""
    return _backfilling.get()


def announce() -> None:
    """Wake the relay after the commit: for news that a database function wrote, in the transaction under way if any."""
    if own_connection().in_atomic_block:
        transaction.on_commit(_ring)
    else:
        _ring()


def _ring() -> None:
    bell.ring(CHANNEL)


def _refuse_outside_a_transaction() -> None:
    if not connection.in_atomic_block:
        raise TransactionManagementError("An event is published inside the transaction of the change it tells of.")
