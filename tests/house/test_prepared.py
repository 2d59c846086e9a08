"""Prepared statements do what a cursor's `execute` does: on every way they are sent, in every kind of thread."""

from functools import partial

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.db.transaction import TransactionManagementError
from psycopg.pq import TransactionStatus

from loyalty_site.prepared import run
from tests.house.ways import (
    MOMENTS,
    VALUES,
    answers,
    by_cursor,
    in_a_thread,
    in_both_threads,
    on_every_way,
    raised,
    status,
)

pytestmark = pytest.mark.usefixtures("owner")


# --- What comes back ------------------------------------------------------------------------------------------
@on_every_way
@in_both_threads
def test_values_come_back_as_from_a_cursor(way, where):
    ours, cursors = where(lambda: (answers(way, VALUES), answers(by_cursor, VALUES)))

    assert ours == cursors


@on_every_way
@in_both_threads
def test_moments_come_back_as_from_a_cursor_whatever_the_session_s_time_zone(way, where):
    def look():
        both = []
        moments = [("timestamptz", moment) for moment in MOMENTS]
        for zone in ("UTC", "Europe/Luxembourg", "America/New_York", "Asia/Kolkata", "UTC"):
            by_cursor(f"SET TIME ZONE '{zone}'")
            both.append((zone, answers(way, moments), answers(by_cursor, moments)))
        return both

    for zone, ours, cursors in where(look):
        assert ours == cursors, zone


@on_every_way
def test_moments_that_python_does_not_have_are_refused_as_by_a_cursor(way):
    for text in ("infinity", "-infinity", "10000-01-01 00:00+00", "0044-03-15 12:00+00 BC"):
        assert raised(way, "SELECT %s::timestamptz", [text]) == raised(by_cursor, "SELECT %s::timestamptz", [text])


@on_every_way
@in_both_threads
def test_rows_come_in_their_order_and_an_empty_answer_is_no_row(way, where):
    assert where(lambda: way("SELECT n, -n FROM generate_series(1, %s::int) n", [3])) == [(1, -1), (2, -2), (3, -3)]
    assert where(lambda: way("SELECT 1 WHERE %s::boolean", [False])) == []
    assert where(lambda: way("UPDATE notes SET text = %s::text", ["x"])) == []


@on_every_way
def test_named_parameters_go_to_their_places_one_of_them_twice(way):
    statement = "SELECT %(b)s::int, %(a)s::text, %(b)s::int * 2"

    assert way(statement, {"a": "it's", "b": 21, "unused": 0}) == [(21, "it's", 42)]
    assert by_cursor(statement, {"a": "it's", "b": 21, "unused": 0}) == [(21, "it's", 42)]


@on_every_way
def test_two_percent_signs_are_one(way):
    statement = "SELECT 7 %% 4, 'a%%b', %s::text LIKE 'x%%', '%%s'"

    assert way(statement, ["xyz"]) == by_cursor(statement, ["xyz"]) == [(3, "a%b", True, "%s")]


# --- Transactions ---------------------------------------------------------------------------------------------
@in_both_threads
def test_alone_it_has_committed_when_it_returns(where, owner):
    def write():
        run("INSERT INTO notes VALUES (%s::int, %s::text)", [1, "alone"])
        return owner.execute("SELECT text FROM notes").fetchall(), status()

    assert where(write) == ([("alone",)], TransactionStatus.IDLE)


@in_both_threads
def test_a_block_that_raises_after_the_first_statement_leaves_nothing(where, owner):
    def write_and_raise():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            run("INSERT INTO notes VALUES (1, 'first')")
            assert status() == TransactionStatus.INTRANS
            run("INSERT INTO notes VALUES (2, 'second')")
            raise ZeroDivisionError
        return status()

    assert where(write_and_raise) == TransactionStatus.IDLE
    assert owner.execute("SELECT * FROM notes").fetchall() == []


@in_both_threads
@pytest.mark.parametrize("before", [0, 1])
def test_the_last_statement_of_the_outermost_block_has_committed_when_it_returns(where, before, owner):
    def write():
        with transaction.atomic():
            for number in range(before):
                run("INSERT INTO notes VALUES (%s::int, 'before')", [number])
            rows = run("INSERT INTO notes VALUES (7, 'last') RETURNING id", last=True)
            return rows, owner.execute("SELECT count(*) FROM notes").fetchall(), status()

    assert where(write) == ([(7,)], [(before + 1,)], TransactionStatus.IDLE)


def test_what_waits_for_the_commit_runs_after_the_block_of_a_last_statement():
    heard = []
    with transaction.atomic():
        transaction.on_commit(lambda: heard.append(by_cursor("SELECT id FROM notes")))
        run("INSERT INTO notes VALUES (1, 'last')", last=True)
        assert heard == []

    assert heard == [[(1,)]]


@pytest.mark.parametrize("savepoint", [True, False])
def test_the_last_statement_of_a_nested_block_does_not_commit(savepoint, owner):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        with transaction.atomic(savepoint=savepoint):
            run("INSERT INTO notes VALUES (1, 'nested')", last=True)
        assert status() == TransactionStatus.INTRANS
        assert owner.execute("SELECT * FROM notes").fetchall() == []
        raise ZeroDivisionError

    assert owner.execute("SELECT * FROM notes").fetchall() == []


def test_a_last_statement_does_not_commit_where_the_caller_commits_by_hand(owner):
    transaction.set_autocommit(False)
    try:
        with transaction.atomic():
            run("INSERT INTO notes VALUES (1, 'by hand')", last=True)
        assert owner.execute("SELECT * FROM notes").fetchall() == []
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)

    assert owner.execute("SELECT * FROM notes").fetchall() == []


def test_a_last_statement_outside_of_a_transaction_is_one_alone(owner):
    assert run("INSERT INTO notes VALUES (1, 'alone') RETURNING id", last=True) == [(1,)]

    assert owner.execute("SELECT id FROM notes").fetchall() == [(1,)]


@in_both_threads
@pytest.mark.parametrize("before", [0, 1])
def test_what_fails_at_the_commit_fails_at_the_last_statement_and_nothing_stays(where, before, owner):
    def write():
        reached = []
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            for number in range(before):
                run("INSERT INTO notes VALUES (%s::int, 'before')", [number])
            try:
                run("INSERT INTO remarks VALUES (%s::int)", [404], last=True)
            finally:
                reached.append(status())
        return type(caught.value.__cause__), reached

    assert where(write) == (psycopg.errors.ForeignKeyViolation, [TransactionStatus.IDLE])
    assert owner.execute("SELECT count(*) FROM notes, remarks").fetchall() == [(0,)]
    assert owner.execute("SELECT count(*) FROM notes").fetchall() == [(0,)]


# --- What is raised -------------------------------------------------------------------------------------------
FAULTS = [
    ("INSERT INTO notes VALUES (%s::int, 'again')", [0]),
    ("INSERT INTO notes VALUES (1, %s::text)", [None]),
    ("SELECT 1 / %s::int", [0]),
    ("SELECT %s::text::int", ["word"]),
    ("SELECT * FROM nowhere WHERE id = %s::int", [1]),
    ("SELEKT %s::int", [1]),
    ("SELECT %s::smallint", [2**31]),
    ("SELECT pg_sleep(30)", []),
    ("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(30)", []),
    ("SELECT %s::text", ["nul\0nul"]),
    ("SELECT %s::text", ["half a \ud800 pair"]),
    ("SELECT %s::text[]", [["nul\0nul"]]),
    ("SELECT %s::int", [object()]),
    ("SELECT %s::int, %s::int", [1]),
    ("SELECT %s::int", [1, 2]),
    ("SELECT %s::int", []),
    ("SELECT 1", [1]),
    ("SELECT %(a)s::int, %(b)s::int", {"a": 1}),
]


@on_every_way
@in_both_threads
def test_it_raises_what_a_cursor_raises_and_the_connection_goes_on(way, where):
    def look():
        by_cursor("INSERT INTO notes VALUES (0, 'there')")
        by_cursor("SET statement_timeout = '100ms'")
        # Twice ours: when it is being prepared, and when it is.
        return [[(fault, raised(each, *fault)) for fault in FAULTS] for each in (by_cursor, way, way)]

    cursors, *ours = where(look)

    assert ours == [cursors, cursors]


def test_errors_are_django_s_and_name_psycopg_s_as_their_cause():
    by_cursor("INSERT INTO notes VALUES (0, 'there')")

    with pytest.raises(IntegrityError) as caught:
        run("INSERT INTO notes VALUES (%s::int, 'again')", [0])

    assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)
    assert caught.value.__cause__.diag.constraint_name == "notes_pkey"


def test_after_an_error_in_a_nested_block_the_outer_one_goes_on(owner):
    with transaction.atomic():
        run("INSERT INTO notes VALUES (1, 'kept')")
        with pytest.raises(IntegrityError), transaction.atomic():
            run("INSERT INTO notes VALUES (1, 'again')")
        run("INSERT INTO notes VALUES (2, 'kept')", last=True)

    assert owner.execute("SELECT id FROM notes ORDER BY id").fetchall() == [(1,), (2,)]


def test_where_only_a_rollback_is_left_it_is_refused():
    with pytest.raises(TransactionManagementError), transaction.atomic():
        run("INSERT INTO notes VALUES (1, 'lost')")
        transaction.set_rollback(True)
        run("SELECT 1")

    assert run("SELECT * FROM notes") == []


def test_another_thread_may_not_use_the_connection():
    wrapper = connections["default"]
    run("SELECT 1")

    def use_it():
        own = connections["default"]
        connections["default"] = wrapper
        try:
            run("SELECT 1")
        finally:
            connections["default"] = own

    with pytest.raises(DatabaseError, match="thread"):
        in_a_thread(use_it)


# --- Work in the meantime -------------------------------------------------------------------------------------
@in_both_threads
@pytest.mark.parametrize("within", [False, True])
def test_work_is_done_once_while_postgresql_does_its_own(where, within, modules_database):
    def look():
        done = []
        with modules_database.connect() as other:
            other.execute("SELECT pg_advisory_lock(7)")

            def let_it_go_on():
                done.append(other.execute("SELECT pg_advisory_unlock(7)").fetchone())

            def ask():
                return run("SELECT %s::int FROM pg_advisory_xact_lock(7)", [7], meanwhile=let_it_go_on)

            run("SELECT set_config('lock_timeout', '20s', false)")
            if within:
                with transaction.atomic():
                    run("SELECT 1")
                    return ask(), done
            return ask(), done

    assert where(look) == ([(7,)], [(True,)])


@in_both_threads
def test_work_is_done_once_on_every_other_way(where):
    def look():
        done = []
        with transaction.atomic():
            run("SELECT 1", meanwhile=partial(done.append, "first"))
            run("SELECT 1", meanwhile=partial(done.append, "last"), last=True)
        with connection.execute_wrapper(lambda execute, *asked: execute(*asked)):
            run("SELECT 1", meanwhile=partial(done.append, "watched"))
        return done

    assert where(look) == ["first", "last", "watched"]


@in_both_threads
def test_work_that_fails_leaves_the_connection_as_it_was(where):
    def look():
        with pytest.raises(ZeroDivisionError):
            run("SELECT pg_sleep(0.1)", meanwhile=lambda: 1 / 0)
        with pytest.raises(DatabaseError):
            run("SELECT 1 / %s::int", [0], meanwhile=lambda: None)
        return run("SELECT 'usable'"), by_cursor("SELECT 'usable'")

    assert where(look) == ([("usable",)], [("usable",)])
