"""Dispatching nudges from several at once, and in pieces."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from loyalty.models import ExpiryPolicy, Member
from notifications.models import Message
from tests.cast import make_member, make_merchant
from tests.notifications.nudging import aggregate, consents, dispatch, give, intend


def test_two_dispatchers_at_once_send_once(own_database, noon):
    program = make_merchant("cafe")
    for number in range(40):
        member = make_member(program, f"member{number}")
        consents(member, phone_number="")
        # Two nudges each, of which one may be sent.
        intend(member, at=noon, name="i-1")
        intend(member, at=noon, name="i-2")
    aggregate(program.merchant, noon)
    dispatchers = 4
    start = Barrier(dispatchers)

    def run(_):
        try:
            start.wait()
            return dispatch(program.merchant, noon, chunk=10)["queued"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(dispatchers) as pool:
        queued = list(pool.map(run, range(dispatchers)))

    # A nudge that two were at may be left to the next run: none is sent twice, and then none is missing.
    assert sum(queued) <= 40
    rest = dispatch(program.merchant, noon)["queued"]
    assert sum(queued) + rest == 40 == Message.objects.count()
    assert Message.objects.values("member_id").distinct().count() == 40


def test_a_dispatcher_that_waits_for_another_sees_what_it_did(own_database, noon):
    program = make_merchant("cafe")
    member = make_member(program, "ana")
    consents(member)
    intend(member, at=noon, name="i-1", expires_at=noon + timedelta(hours=2))
    aggregate(program.merchant, noon)
    intend(member, at=noon, name="i-2", expires_at=noon + timedelta(hours=1))
    with own_database.connect() as other:
        # Another dispatcher has sent the first nudge, and has not committed; then a second nudge comes, sooner over.
        other.autocommit = False
        other.execute(
            "INSERT INTO loyalty_nudge_exposures (id, merchant_id, member_id, campaign_slug, nudged_at, last_at) "
            "VALUES (gen_random_uuid(), %s, %s, 'checkout_recovery', %s, %s)",
            [program.merchant_id, member.pk, noon, noon],
        )
        aggregate(program.merchant, noon)
        with ThreadPoolExecutor(1) as pool:

            def run():
                try:
                    return dispatch(program.merchant, noon)
                finally:
                    connections.close_all()

            waiting = pool.submit(run)
            _until_somebody_waits(own_database)
            other.commit()
            assert waiting.result(timeout=20)["queued"] == 0
    assert not Message.objects.exists()


def _until_somebody_waits(database) -> None:
    with database.connect() as watcher:
        for _ in range(2000):
            found = watcher.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            if found[0]:
                return
    raise AssertionError("Nobody waited.")


def test_a_nudge_that_somebody_is_at_is_left_alone(own_database, noon):
    program = make_merchant("cafe")
    members = [make_member(program, name) for name in ("ana", "ben")]
    for number, member in enumerate(members):
        consents(member, phone_number=f"+35262112345{number}")
        intend(member, at=noon)
    aggregate(program.merchant, noon)
    with own_database.connect() as other:
        other.autocommit = False
        other.execute("SELECT 1 FROM loyalty_nudges WHERE member_id = %s FOR NO KEY UPDATE", [members[0].pk])
        assert dispatch(program.merchant, noon)["queued"] == 1
        other.rollback()

    assert dispatch(program.merchant, noon)["queued"] == 1


@pytest.mark.parametrize("members", [3, 30])
def test_a_run_asks_as_often_for_thirty_members_as_for_three(program, cafe, noon, members):
    for number in range(members):
        member = make_member(program, f"member{number}")
        consents(member, phone_number="")
        intend(member, at=noon)
    aggregate(cafe, noon)

    with CaptureQueriesContext(connection) as queries:
        assert dispatch(cafe, noon)["queued"] == members

    looks = [each for each in queries if not each["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(looks) == 5, [each["sql"][:80] for each in looks]


def test_chunks_together_are_everybody(program, cafe, noon):
    program.expiry_policy = ExpiryPolicy.LOTS
    program.save()
    for number in range(23):
        member = make_member(program, f"member{number}")
        consents(member, phone_number="")
        give(member, 10, at=noon, valid_days=3)
        intend(member, at=noon)
    aggregate(cafe, noon, chunk=10)

    assert dispatch(cafe, noon, chunk=10)["queued"] == 46
    assert Member.objects.count() == 23
