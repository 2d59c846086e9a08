"""How long a prepared statement lives, and what becomes of it where a connection, or a process, is interrupted."""

import gc
import os
import signal
import subprocess
import sys
import weakref

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from loyalty_site.prepared import MOST, run
from tests.house.ways import (
    VALUES,
    alone,
    answers,
    by_cursor,
    first,
    first_and_last,
    in_a_thread,
    in_both_threads,
    in_the_middle,
    last,
    on_every_way,
)
from tests.locks import wait_until_waited_for
from tests.server import ROOT

pytestmark = pytest.mark.usefixtures("owner")


def prepared():
    """The texts of the statements that this connection has prepared, by name."""
    return dict(by_cursor("SELECT name, statement FROM pg_prepared_statements ORDER BY prepare_time"))


# --- What is prepared, and for how long -----------------------------------------------------------------------
def test_a_statement_is_prepared_once_a_connection():
    statement = "SELECT %s::int, 'once'"
    for way in (alone, first, in_the_middle, last, first_and_last):
        way(statement, [1])

    assert list(prepared().values()).count("PREPARE run_1 AS SELECT $1::int, 'once'") == 1
    assert len(prepared()) == 2, "that one, and the SELECT 1 of the ways"
    assert [text for text in in_a_thread(lambda: (run(statement, [1]), prepared())[1].values()) if "once" in text]


def test_what_is_prepared_survives_rollbacks():
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        run("SELECT 'outside'")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            run("SELECT 'outside'")
            run("SELECT 'inside'")
            raise ZeroDivisionError
        before = prepared()
        assert run("SELECT 'outside'") + run("SELECT 'inside'") == [("outside",), ("inside",)]
        raise ZeroDivisionError
    assert run("SELECT 'outside'") + run("SELECT 'inside'") == [("outside",), ("inside",)]

    assert prepared() == before
    assert len(before) == 2


def test_of_too_many_statements_the_oldest_are_forgotten_and_all_still_run():
    numbers = range(MOST + 5)
    assert [run(f"SELECT {number}") for number in numbers] == [[(number,)] for number in numbers]

    assert list(prepared()) == [f"run_{number + 1}" for number in numbers[5:]]
    assert [run(f"SELECT {number}") for number in numbers] == [[(number,)] for number in numbers]
    assert len(prepared()) == MOST


def test_in_a_failed_transaction_nothing_is_forgotten_that_is_there():
    for number in range(MOST):
        run(f"SELECT {number}")

    with pytest.raises(DatabaseError), transaction.atomic():
        with pytest.raises(DatabaseError):
            run("SELECT 0 / 0")
        for number in range(5):
            run(f"SELECT 'another {number}'")
    run("SELECT 'one more'")

    assert len(prepared()) == MOST


def test_with_the_setting_off_nothing_is_prepared_and_the_answers_are_the_same(settings, owner):
    settings.DATABASE_PREPARE = False
    statement = "SELECT %(a)s::text, %(b)s::bigint, %(a)s::text, 7 %% 4"

    for way in (alone, first, in_the_middle, last, first_and_last):
        assert way(statement, {"a": "it's", "b": 5}) == [("it's", 5, "it's", 3)]
        assert answers(way, VALUES) == answers(by_cursor, VALUES)
    with transaction.atomic():
        run("INSERT INTO notes VALUES (1, 'off')", last=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        run("INSERT INTO remarks VALUES (404)", last=True)

    assert owner.execute("SELECT text FROM notes").fetchall() == [("off",)]
    assert prepared() == {}


def test_whoever_counts_queries_sees_every_statement():
    run("SELECT %s::int, 'counted'", [0])
    with CaptureQueriesContext(
        connection,
    ) as seen:
        run("SELECT %s::int, 'counted'", [1])
        with transaction.atomic():
            run("SELECT %s::int, 'counted'", [2])
            run("SELECT %s::int, 'counted'", [3], last=True)

    assert len([query for query in seen.captured_queries if "counted" in query["sql"]]) == 3


def test_whoever_stands_before_the_database_sees_every_statement():
    seen = []

    def watch(execute, sql, params, many, context):
        seen.append((sql, params))
        return execute(sql, params, many, context)

    run("SELECT %s::int, 'watched'", [0])
    with connection.execute_wrapper(watch):
        assert run("SELECT %s::int, 'watched'", [1]) == [(1, "watched")]
        with transaction.atomic():
            assert run("SELECT %s::int, 'watched'", [2], last=True) == [(2, "watched")]

    assert seen == [("SELECT %s::int, 'watched'", [1]), ("SELECT %s::int, 'watched'", [2])]


@on_every_way
@in_both_threads
def test_a_statement_that_a_migration_made_useless_fails_once(way, where, owner):
    def look():
        by_cursor("INSERT INTO notes VALUES (1, 'text')")
        assert way("SELECT text FROM notes") == [("text",)]
        owner.execute("ALTER TABLE notes ALTER text TYPE varchar(90)")
        with pytest.raises(DatabaseError, match="cached plan"):
            way("SELECT text FROM notes")
        return way("SELECT text FROM notes")

    assert where(look) == [("text",)]


# --- Connections that end -------------------------------------------------------------------------------------
def end_this_connection(database):
    [(pid,)] = run("SELECT pg_backend_pid()")
    with database.connect() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@on_every_way
@in_both_threads
def test_it_works_again_after_its_connection_was_ended(way, where, modules_database):
    def end_and_go_on():
        errors = []
        for each in (by_cursor, way):
            assert way("SELECT 1") == [(1,)]
            end_this_connection(modules_database)
            with pytest.raises(DatabaseError) as caught:
                each("SELECT 1")
            errors.append(type(caught.value))
            close_old_connections()
            assert way("SELECT 1") == [(1,)]
        return errors, set(prepared().values())

    errors, left = where(end_and_go_on)

    assert errors == [OperationalError, OperationalError]
    assert {text.partition(" AS ")[2] for text in left} == {"SELECT 1"}


def test_a_connection_that_ended_between_requests_is_replaced_unnoticed(modules_database):
    run("SELECT 1")
    end_this_connection(modules_database)

    close_old_connections()

    assert run("SELECT 1") == [(1,)]


def test_a_closed_connection_is_not_kept():
    run("SELECT 1")
    kept = weakref.ref(connection.connection)
    connection.close()

    gc.collect()

    assert kept() is None


# --- Interrupts -----------------------------------------------------------------------------------------------
WAITS = """
import django
django.setup()
from tests.house.ways import {way}, by_cursor, status
from loyalty_site.prepared import run
try:
    {way}("SELECT pg_advisory_xact_lock(%s::bigint)", [7])
except KeyboardInterrupt:
    print("interrupted", status().name, run("SELECT 1"), by_cursor("SELECT 2"))
"""


@on_every_way
def test_an_interrupt_ends_a_statement_that_waits_for_a_lock(way):
    with transaction.atomic():
        by_cursor("SELECT pg_advisory_xact_lock(7)")
        child = subprocess.Popen(
            [sys.executable, "-c", WAITS.format(way=way.__name__)],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "loyalty_site.settings"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until_waited_for(connection)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=20)
        finally:
            child.kill()

    assert out == "interrupted IDLE [(1,)] [(2,)]\n", err
