"""Who holds personal data: every app registers its tables, so that export and erasure miss none.

A keeper answers for one table: which of its columns tell of a person, how to hand them out, and how to make them
forget. A test finds a table with telling columns that nobody keeps. However many keepers there are, all rows are read
in one statement, and all are forgotten in one.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet
from django.db.models.sql import DeleteQuery, UpdateQuery

from loyalty_site.tenants.models import Customer

Row = dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """An INSERT, UPDATE, DELETE or SELECT with its parameters, to be one of several in one."""

    sql: str
    parameters: Sequence[Any] = ()


Export = Callable[[Customer], list[Row] | QuerySet[Any, Any]]
Forget = Callable[[Customer, datetime], Sequence[Statement] | None]
Lock = Callable[[Customer], Statement]


@dataclass(frozen=True)
class Keeper:
    """One table with personal data.

    `export` gives the rows of a customer: rows at hand, or a query of `.values(...)`, which is read together with those
    of the other keepers. `forget` gives the statements that empty what tells of the person and leave what the books
    need. They are run together with those of the other keepers: they see the tables as they were before any of them,
    and no row may be changed by two. A keeper that cannot say it so does it itself and gives none. `lock` is for rows
    that everybody locks before they lock a member: a SELECT that locks those which `forget` will change.
    """

    table: str
    columns: frozenset[str]
    export: Export
    forget: Forget
    lock: Lock | None = None


_keepers: dict[str, Keeper] = {}


def keep(
    table: str,
    *,
    columns: Sequence[str],
    export: Export,
    forget: Forget,
    lock: Lock | None = None,
) -> None:
    """Answer for the personal data of `table`; called from `AppConfig.ready`."""
    _keepers[table] = Keeper(table, frozenset(columns), export, forget, lock)


def keepers() -> list[Keeper]:
    """All of them, by table name."""
    return [_keepers[table] for table in sorted(_keepers)]


def export(customer: Customer) -> dict[str, list[Row]]:
    """All that is stored of this person at this merchant, by table, as JSON has it."""
    given = {keeper.table: keeper.export(customer) for keeper in keepers()}
    queries = {table: rows for table, rows in given.items() if isinstance(rows, QuerySet)}
    return {table: rows for table, rows in given.items() if not isinstance(rows, QuerySet)} | _read(queries)


def locking(customer: Customer) -> Statement:
    """A condition that is true, and locks on the way what stands before a member in the order of locks.

    For the WHERE of the SELECT that locks the member: a row must pass it before it is locked. So it costs no statement
    of its own.
    """
    given = [keeper.lock(customer) for keeper in keepers() if keeper.lock is not None]
    sql = " AND ".join(f"(SELECT count(*) FROM ({each.sql}) first_{place}) >= 0" for place, each in enumerate(given))
    return Statement(sql or "true", [value for each in given for value in each.parameters])


def forget(customer: Customer, *, at: datetime) -> None:
    """Make every table forget the person, in the caller's transaction."""
    statements = [each for keeper in keepers() for each in keeper.forget(customer, at) or ()]
    if not statements:
        return
    parts = [
        f"f{place} AS ({each.sql}{'' if each.sql.lstrip().startswith('SELECT') else ' RETURNING 1'})"
        for place, each in enumerate(statements)
    ]
    # Each is named again: a SELECT that nobody asks for would not be run.
    named = ", ".join(f"(SELECT count(*) FROM f{place})" for place in range(len(statements)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {', '.join(parts)} SELECT {named}", [value for each in statements for value in each.parameters]
        )


def update(rows: QuerySet[Any], **values: Any) -> Statement:
    """`rows.update(**values)` as a statement."""
    query = rows.query.chain(UpdateQuery)
    query.add_update_values(values)  # type: ignore[attr-defined]
    return _statement(query)


def delete(rows: QuerySet[Any]) -> Statement:
    """`rows.delete()` as a statement, of rows that nothing refers to."""
    return _statement(rows.query.chain(DeleteQuery))


def _statement(query: Any) -> Statement:
    query.clear_ordering(force=True)
    return _compiled(query)


def _compiled(query: Any) -> Statement:
    try:
        sql, parameters = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
    except EmptyResultSet:
        # No row can fit, as where it asks for one of no values: Django has no SQL for that.
        return Statement("SELECT WHERE false", [])
    return Statement(sql, parameters)


def _read(queries: dict[str, QuerySet[Any, Any]]) -> dict[str, list[Row]]:
    if not queries:
        return {}
    parts: list[str] = []
    parameters: list[Any] = []
    for rows in queries.values():
        asked = _compiled(rows.query)
        parts.append(f"(SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]')::text FROM ({asked.sql}) r)")
        parameters += asked.parameters
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        found = cursor.fetchone()
    return {table: json.loads(text) for table, text in zip(queries, found, strict=True)}
