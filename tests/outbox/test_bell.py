"""The bell rings after a commit, from any process, and costs nobody their exit."""

import pytest
from django.db import connection, transaction

from loyalty_site import outbox
from tests.outbox.happenings import happened, publish

WAIT = 20


@pytest.fixture
def ear(own_database):
    with own_database.connect() as listening:
        listening.execute("LISTEN outbox")
        yield listening


def next_ring(ear):
    return next(iter(ear.notifies(timeout=WAIT, stop_after=1)), None)


def test_a_commit_rings(ear):
    publish(1)

    assert next_ring(ear) is not None


def test_it_rings_when_the_change_can_be_seen(ear, own_database):
    with own_database.connect() as other:
        for number in range(20):
            publish(number)
            assert next_ring(ear) is not None
            [(seen,)] = other.execute("SELECT count(*) FROM outbox_events").fetchall()
            assert seen == number + 1


def test_nothing_rings_before_the_commit_nor_after_a_rollback(ear):
    with transaction.atomic():
        outbox.publish(happened(1))
        assert list(ear.notifies(timeout=0.5, stop_after=1)) == []
        transaction.set_rollback(True)

    assert list(ear.notifies(timeout=0.5, stop_after=1)) == []


def test_a_forked_process_has_a_bell_of_its_own(ear, start):
    publisher = start("publish_here_and_in_a_fork")
    assert publisher.stdout.readline() == "published\n"
    first = next_ring(ear)
    publisher.stdin.write("go\n")
    publisher.stdin.flush()
    assert publisher.stdout.readline() == "published in the fork\n"
    rung_by = {ring.pid for ring in ear.notifies(timeout=WAIT, stop_after=1)}
    while len(rung_by) < 2 and (more := list(ear.notifies(timeout=WAIT, stop_after=1))):
        rung_by.update(ring.pid for ring in more)

    # Both the parent, over its old connection, and the child, over another one.
    assert first.pid in rung_by
    assert len(rung_by) == 2


def test_the_bell_keeps_no_process_alive(own_database, start):
    assert start("publish_and_leave").wait(WAIT) == 0


def test_a_bell_whose_connection_was_cut_rings_again(ear, own_database):
    publish(1)
    assert next_ring(ear) is not None
    with own_database.connect() as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'regulars bell' AND datname = current_database()"
        )

    publish(2)

    assert next_ring(ear) is not None
    connection.close()
