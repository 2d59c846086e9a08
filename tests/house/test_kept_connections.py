"""Threads keep their connections: one that is gone, or old, is noticed before a request uses it."""

import os
import socket

import psycopg
import pytest
from django.db import close_old_connections, connection
from django.utils import timezone

from loyalty_site.prepared import run
from loyalty_site.tenants.models import Store
from tests.cast import make_merchant
from tests.http.serving import serving
from tests.tills import STORE, Till

OTHERS = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


@pytest.fixture
def ended(own_database):
    """End every session of the database but the one that asks for it, as a server does that restarts."""

    def end():
        with own_database.connect() as other:
            assert other.execute(OTHERS, [other.info.backend_pid]).fetchall()

    return end


def session():
    [(pid,)] = run("SELECT pg_backend_pid()")
    return pid


def test_a_connection_that_was_ended_is_replaced_before_the_next_request(ended):
    first = session()
    assert connection.is_usable()
    close_old_connections()
    assert session() == first

    ended()
    close_old_connections()

    assert session() != first
    assert connection.is_usable()


def test_one_whose_other_end_vanished_without_a_word_is_replaced_too(own_database):
    first = session()
    close_old_connections()

    # What is left of it when a machine between the two forgets it: the socket is closed, and nothing was said.
    with psycopg.connect(own_database.url, autocommit=True) as other:
        os.dup2(_hung_up(), connection.connection.fileno())
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
    close_old_connections()

    assert session() != first


def _hung_up():
    ours, theirs = socket.socketpair()
    theirs.close()
    return ours.detach()


def test_news_on_an_idle_connection_is_no_reason_to_close_it(own_database):
    first = session()
    with connection.cursor() as cursor:
        cursor.execute("LISTEN something")
    close_old_connections()
    with own_database.connect() as other:
        other.execute("NOTIFY something")

    close_old_connections()

    assert session() == first


def test_a_connection_that_was_never_made_is_not_usable(own_database):
    connection.close()

    assert not connection.is_usable()


@pytest.mark.long
def test_no_till_hears_of_a_database_that_was_restarted(own_database, ended):
    program = make_merchant("cafe")
    till = Till(Store.objects.create(merchant=program.merchant, reference="counter", name="Counter"))
    connection.close()
    given = {"Authorization": f"Api-Key {till.secret}"}
    with serving() as web:
        for _ in range(3):
            # More calls than threads, so that each has a connection that is kept.
            assert {web.call("GET", f"{STORE}program", **given)[0] for _ in range(20)} == {200}
            ended()
        assert {web.call("GET", f"{STORE}program", **given)[0] for _ in range(20)} == {200}


@pytest.mark.long
@pytest.mark.parametrize(("kept", "left"), [("0", 0), ("600", 1)])
def test_a_connection_is_closed_at_its_age(own_database, kept, left):
    program = make_merchant("cafe")
    till = Till(Store.objects.create(merchant=program.merchant, reference="counter", name="Counter"))
    connection.close()
    with serving(CONN_MAX_AGE=kept, PGAPPNAME="kept") as web:
        assert web.call("GET", f"{STORE}program", Authorization=f"Api-Key {till.secret}")[0] == 200
        with own_database.connect() as other:
            asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kept' AND state = 'idle'"
            begun = timezone.now()
            while (found := other.execute(asked).fetchone()[0]) != left and (timezone.now() - begun).seconds < 20:
                other.execute("SELECT pg_sleep(0.05)")
            assert found == left


@pytest.mark.long
def test_one_that_grew_old_between_two_requests_is_not_used_again(own_database):
    program = make_merchant("cafe")
    till = Till(Store.objects.create(merchant=program.merchant, reference="counter", name="Counter"))
    connection.close()
    asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'kept'"
    with serving("--threads=1", CONN_MAX_AGE="1", PGAPPNAME="kept") as web, own_database.connect() as other:
        sessions = set()
        for _ in range(2):
            assert web.call("GET", f"{STORE}program", Authorization=f"Api-Key {till.secret}")[0] == 200
            sessions |= set(other.execute(asked).fetchall())
            other.execute("SELECT pg_sleep(1.2)")

    assert len(sessions) == 2
