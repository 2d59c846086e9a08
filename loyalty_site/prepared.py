"""Statements that PostgreSQL parses and plans once a connection, not at every change: for the few each change runs.

Django's own cursors write the values into the text, which suits queries whose plan depends on them, and they spend a
round trip on BEGIN and one on COMMIT. `run` keeps text and values apart, sends BEGIN along with a transaction's first
statement and, where it is told so, COMMIT along with its last. A wait costs a process more than the statement: what
it had at hand is gone from the processor when it goes on.

They are prepared by the SQL statement PREPARE, which a pooler that hands a connection from one transaction to the next
does not carry. DATABASE_PREPARE=0 switches that off, and everything else here: then `run` is a cursor's `execute`.
psycopg's own preparing stays off: it deallocates all there is, ours as well, after a ROLLBACK TO SAVEPOINT.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import get_ident, main_thread
from typing import Any, NamedTuple

import psycopg
from django.conf import settings
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg import generators
from psycopg.abc import Buffer
from psycopg.adapt import Loader, PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from loyalty_site.postgres.own import own_connection

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]

# Statements that one connection keeps; far more than there are, unless somebody puts values into their texts.
MOST = 200


class _Cursor(ServerBindingCursor):
    def _convert_query(self, *arguments: Any) -> Any:
        # Where Django's log of queries looks for the statement; psycopg keeps it for client-side cursors alone.
        self._query = super()._convert_query(*arguments)  # type: ignore[misc]
        return self._query


class _Moments(Loader):
    """Reads a timestamptz as Django's loader does, where the connection is in UTC at a tenth of its cost."""

    def load(self, data: Buffer) -> Any:
        try:
            moment = datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            # Years that Python does not have, and what the usual one says of them.
            return self._load_as_usual(data)
        return moment if moment.tzinfo is UTC else self._load_as_usual(data)

    def _load_as_usual(self, data: Buffer) -> Any:
        assert self.connection is not None  # noqa: S101 (made for one below)
        loader = self.connection.adapters.get_loader(self.oid, Format.TEXT)
        assert loader is not None  # noqa: S101 (psycopg has one for every type of its own)
        # A new one each time: it goes by the time zone that the session had when it was made.
        return loader(self.oid, self.connection).load(data)


class _Statement(NamedTuple):
    """A prepared statement: what it is called there, how many parameters it has, and their names, if they have any."""

    name: bytes
    places: int
    fields: list[str]

    def ordered(self, parameters: Parameters) -> Sequence[Any]:
        """The values in the order of their places. Raises as psycopg does where they are not those that it has."""
        if not isinstance(parameters, Mapping):
            values = parameters
        elif missing := [field for field in self.fields if field not in parameters]:
            raise psycopg.ProgrammingError(f"query parameter missing: {', '.join(missing)}")
        else:
            values = [parameters[field] for field in self.fields]
        if len(values) != self.places:
            # PostgreSQL passes over what it is given to no parameter at all.
            raise psycopg.ProgrammingError(f"the query has {self.places} placeholders but {len(values)} parameters")
        return values


class _Prepared:
    """What one connection has prepared, and what turns its values into SQL and back."""

    def __init__(self, raw: "psycopg.Connection[Any]") -> None:
        self.statements: dict[str, _Statement] = {}
        self.made = 0
        context = psycopg.Cursor(raw)
        context.adapters.register_loader("timestamptz", _Moments)
        self.transformer = Transformer(context)


def _of_connection(raw: "psycopg.Connection[Any]") -> _Prepared:
    # An attribute of the connection, and gone with it. A weak dictionary would keep both for good: what is in it has
    # hold of the connection.
    prepared: _Prepared | None = raw.__dict__.get("_prepared_by_run")
    if prepared is None:
        prepared = raw.__dict__["_prepared_by_run"] = _Prepared(raw)
    return prepared


def run(
    statement: str,
    parameters: Parameters = (),
    *,
    last: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> list[Row]:
    """Run a prepared statement and return its rows; its parameters stand as %s in it, or as %(name)s.

    `last` promises that nothing follows in this transaction: where it is the outermost one, it commits along with the
    statement, and what fails at the commit fails here. `meanwhile` is work of this process that does not ask the
    database: it is done, once, while PostgreSQL does its own, or after it. Cast a parameter where PostgreSQL cannot
    tell its type. Raises what `connection.cursor().execute` raises.
    """
    database = own_connection()
    database.close_if_health_check_failed()
    if database.connection is None:
        database.ensure_connection()
    raw: psycopg.Connection[Any] = database.connection
    # Whoever counts queries, or stands between them and the database, does so at a cursor's `execute`.
    watched = database.queries_logged or database.execute_wrappers
    if watched or not settings.DATABASE_PREPARE or raw.isolation_level is not None:
        with database._prepare_cursor(_Cursor(raw)) as cursor:  # type: ignore[attr-defined, call-arg]
            cursor.execute(statement, parameters)
            rows: list[Row] = cursor.fetchall() if cursor.description is not None else []
        if meanwhile is not None:
            meanwhile()
        return rows
    database.validate_thread_sharing()
    database.validate_no_broken_transaction()
    # Inside of a transaction that the caller began by hand, the outermost block is not what commits it.
    ends = last and len(database.atomic_blocks) == 1 and database.commit_on_exit
    with database.wrap_database_errors, raw.lock:
        prepared = _of_connection(raw)
        try:
            return _run(raw, prepared, statement, parameters, ends, meanwhile)
        except psycopg.errors.FeatureNotSupported:
            # A migration changed the type of a column that it returns: it is no use any more, so prepare another.
            prepared.statements.pop(statement, None)
            raise


def _run(
    raw: "psycopg.Connection[Any]",
    prepared: _Prepared,
    text: str,
    parameters: Parameters,
    ends: bool,
    meanwhile: Callable[[], None] | None,
) -> list[Row]:
    statement = prepared.statements.get(text) or _prepare(raw, prepared, text)
    values = statement.ordered(parameters)
    transformer, pgconn = prepared.transformer, raw.pgconn
    begins = not raw.autocommit and pgconn.transaction_status == TransactionStatus.IDLE
    if begins or ends:
        literals = b",".join([transformer.as_literal(value) for value in values])
        sent = b"EXECUTE %s(%s)" % (statement.name, literals) if literals else b"EXECUTE " + statement.name
        if ends:
            # The rows are not in what came of the last.
            result = _wait(raw, b"%s%s;COMMIT" % (b"BEGIN;" if begins else b"", sent))[-2]
        else:
            result = _result(raw, b"BEGIN;" + sent)
        if meanwhile is not None:
            meanwhile()
    else:
        dumped = transformer.dump_sequence(values, [PyFormat.TEXT] * len(values))
        result = _result(raw, statement.name, dumped, meanwhile)
    if result.status != ExecStatus.TUPLES_OK:
        return []
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)


_PARAMETER = re.compile(r"%(?:s|%|\((\w+)\)s)")


def _prepare(raw: "psycopg.Connection[Any]", prepared: _Prepared, text: str) -> _Statement:
    fields: list[str] = []
    count = 0

    def place(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] == "%%":
            return "%"
        if found[1] is None:
            count += 1
            return f"${count}"
        if found[1] not in fields:
            fields.append(found[1])
        return f"${fields.index(found[1]) + 1}"

    numbered = _PARAMETER.sub(place, text)
    prepared.made += 1
    statement = _Statement(b"run_%d" % prepared.made, count + len(fields), fields)
    _result(raw, b"PREPARE %s AS %s" % (statement.name, numbered.encode()))
    prepared.statements[text] = statement
    # After the other: in a failed transaction neither can be done, and the oldest stays known.
    if len(prepared.statements) > MOST:
        oldest = next(iter(prepared.statements))
        _result(raw, b"DEALLOCATE " + prepared.statements.pop(oldest).name)
    return statement


def _result(
    raw: "psycopg.Connection[Any]",
    sent: bytes,
    values: Sequence[Any] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> PGresult:
    """What came of the last of these statements, or of the prepared one of that name with these values.

    Raises psycopg's error where one failed.
    """
    if meanwhile is not None or get_ident() == main_thread().ident:
        return _wait(raw, sent, values, meanwhile)[-1]
    # No signal comes to this thread. In one call the interpreter is let go once, not at each step of sending and
    # receiving: where many threads want it, getting it back costs more than all the rest.
    result = raw.pgconn.exec_(sent) if values is None else raw.pgconn.exec_prepared(sent, values)
    return _checked(raw, result)


def _wait(
    raw: "psycopg.Connection[Any]",
    sent: bytes,
    values: Sequence[Any] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> list[PGresult]:
    """What came of each of these statements. It waits as psycopg does: an interrupt cancels the statement."""
    if values is None:
        raw.pgconn.send_query(sent)
    else:
        raw.pgconn.send_query_prepared(sent, values)
    try:
        if meanwhile is not None:
            raw.pgconn.flush()
            meanwhile()
            # What has come by now is taken without a wait, so that the interpreter is not let go for it.
            raw.pgconn.consume_input()
    finally:
        results = raw.wait(generators.execute(raw.pgconn))
    _checked(raw, results[-1])
    return results


def _checked(raw: "psycopg.Connection[Any]", result: PGresult) -> PGresult:
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        error = error_from_result(result, encoding=raw.info.encoding)
        if raw.pgconn.status == ConnStatus.BAD and not isinstance(error, psycopg.OperationalError):
            # The connection was lost; libpq says so in one call without the code that tells it from other errors.
            raise psycopg.OperationalError(str(error))
        raise error
    return result
