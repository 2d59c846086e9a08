"""The ways in which `loyalty_site.prepared.run` sends a statement, and the kinds of thread that it waits in."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection, connections, transaction

from loyalty_site.prepared import run

ALICE, BOB = UUID("0192f0c4-7a3b-7cde-8000-0123456789ab"), UUID(int=0)
TEXTS = [
    "",
    "plain",
    "it's; DROP TABLE notes; --",
    'a "quoted" $1 $$ word',
    "back\\slash \\' \\\\ \\n",
    "two\nlines\r\nand a\ttab",
    "Ünïcödé 日本語 🎉 \u200b",
    "100 % of %s, %(name)s and %%",
    "NULL",
    "{a,b}",
    "x" * 100_000,
]
MOMENTS = [
    datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
    datetime(2026, 7, 2, 12, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 7, 2, 12, 0, 0, 120000, tzinfo=UTC),
    datetime(2026, 7, 2, 12, 0, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
    datetime(1850, 1, 1, 0, 0, tzinfo=UTC),
    datetime(1, 1, 2, 0, 0, tzinfo=UTC),
    datetime(9999, 12, 30, 23, 59, 59, 999999, tzinfo=UTC),
]
VALUES = [
    *(("uuid", value) for value in (ALICE, BOB)),
    *(("smallint", value) for value in (0, 1, -1, 2**15 - 1, -(2**15))),
    *(("int", value) for value in (0, 2**31 - 1, -(2**31))),
    *(("bigint", value) for value in (5, -5, 2**31, 2**63 - 1, -(2**63))),
    *(("numeric", value) for value in (2**63, -(2**70), Decimal("4.50"), Decimal("-0.000001"), Decimal("1E+3"))),
    *(("numeric", Decimal(value)) for value in ("0", "1234567890123456789.123456789", "NaN")),
    *(("float8", value) for value in (1.5, -1e-300, float("inf"))),
    *(("text", value) for value in TEXTS),
    *(("bytea", value) for value in (b"", b"\x00\x01'\\\xff", bytes(range(256)))),
    *(("boolean", value) for value in (True, False)),
    *((kind, None) for kind in ("text", "uuid", "bigint", "timestamptz", "text[]")),
    *(("uuid[]", value) for value in ([ALICE, BOB], [ALICE], [])),
    *(("text[]", value) for value in (TEXTS[:-1], [], [None, "null", "a,b", '"'])),
    *(("bigint[]", value) for value in ([1, -2, 2**40], [])),
    *(("jsonb", value) for value in ('{"a": [1, 2.50, null], "b": "it\'s \\\\ ü %s"}', "[]", '"x"')),
    *(("timestamptz", value) for value in MOMENTS),
    ("timestamptz", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ("timestamptz[]", MOMENTS[:3]),
    ("date", date(2026, 2, 28)),
    ("interval", timedelta(days=3, microseconds=1)),
    ("interval", timedelta(days=-400, hours=5)),
]


def by_cursor(statement, parameters=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description is not None else []


def alone(statement, parameters=()):
    return run(statement, parameters)


def first(statement, parameters=()):
    with transaction.atomic():
        return run(statement, parameters)


def in_the_middle(statement, parameters=()):
    with transaction.atomic():
        run("SELECT 1")
        return run(statement, parameters)


def last(statement, parameters=()):
    with transaction.atomic():
        run("SELECT 1")
        return run(statement, parameters, last=True)


def first_and_last(statement, parameters=()):
    with transaction.atomic():
        return run(statement, parameters, last=True)


def here(work):
    return work()


def in_a_thread(work):
    def work_and_leave():
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work_and_leave).result(60)


on_every_way = pytest.mark.parametrize("way", [alone, first, in_the_middle, last, first_and_last])
in_both_threads = pytest.mark.parametrize("where", [here, in_a_thread])


def answers(way, values):
    """What comes back for each value, and how many of them it is: to the type, the zone and the last digit."""
    return [
        (kind, repr(way(f"SELECT CAST(%s AS {kind}), CAST(%s AS {kind}) IS NULL", [value, value])))
        for kind, value in values
    ]


def raised(way, statement, parameters=()):
    """What this raises: Django's class, psycopg's, PostgreSQL's code; and that the connection goes on."""
    with pytest.raises(Exception) as caught:
        way(statement, parameters)
    assert by_cursor("SELECT 'usable'") == run("SELECT 'usable'") == [("usable",)]
    cause = caught.value.__cause__
    return type(caught.value), type(cause), getattr(cause, "sqlstate", None)


def status():
    return connection.connection.info.transaction_status
