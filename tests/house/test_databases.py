"""The databases of the tests themselves."""

import threading

import pytest
from django.db import connection, connections

from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Merchant


def test_a_test_speaks_as_the_runtime_role(db, own_role):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (own_role, False)


def test_a_test_begins_with_an_empty_outbox(db):
    assert not OutboxEvent.objects.exists()


@pytest.mark.parametrize("name", ["first", "second"])
def test_an_own_database_is_committed_for_threads_and_gone_afterwards(own_database, name):
    Merchant.objects.create(slug=name, name=name)
    seen = []

    def look():
        seen.extend(Merchant.objects.values_list("slug", flat=True))
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [name]


def test_a_child_process_serves_from_the_own_database(own_database, manage):
    Merchant.objects.create(slug="cafe", name="Café")

    done = manage("shell", "-v0", "-c", "from loyalty_site.tenants.models import Merchant as M; print(M.objects.get())")

    assert done.stdout.strip() == "Café", done.stderr


def test_the_owner_sees_what_an_own_database_holds(own_database, owner_connection):
    Merchant.objects.create(slug="cafe", name="Café")

    assert owner_connection.execute("SELECT slug FROM merchants").fetchall() == [("cafe",)]


@pytest.fixture
def own_role():
    from tests import server

    return server.current().runtime
