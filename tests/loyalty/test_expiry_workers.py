"""Several workers, a kill in the middle, a member at the till: real processes and connections."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connections, transaction

from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, Member, Program
from loyalty.operations import expiration, points, walking
from loyalty.queries import reconciliation
from loyalty_site.ids import new_id
from loyalty_site.jobs.models import Run
from loyalty_site.outbox.models import OutboxEvent
from tests import server
from tests.cast import NOON, make_member, make_merchant
from tests.databases import OwnDatabase
from tests.loyalty.test_expiration import DAY, policy

MEMBERS = 300


def _fill(database: OwnDatabase) -> None:
    program = make_merchant("cafe")
    members = [make_member(program, f"m{number}") for number in range(MEMBERS)]
    program = policy(members[0], ExpiryPolicy.INACTIVITY)
    counter = program.merchant.stores.create(reference="counter", name="Counter")
    for number, member in enumerate(members):
        member.program = program
        points.earn(member=member, store=counter, amount=Decimal(1), order_reference=str(number), at=NOON)


@pytest.fixture(scope="module")
def own_template(filled):
    return filled(_fill)


@pytest.fixture
def crowd(own_database):
    """Three hundred members of the café with 10 points each; everybody is due 30 days after noon."""
    return Program.objects.get()


def worker(noon, *, chunk: int) -> "subprocess.Popen[str]":
    """A process that expires the café's points as of day 30."""
    as_of = (noon + 30 * DAY).isoformat()
    return subprocess.Popen(
        [sys.executable, "manage.py", "expire_points", "--as-of", as_of, "--chunk", str(chunk), "--format", "json"],
        cwd=server.ROOT,
        env=os.environ.copy(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def assert_expired_once_each(count: int = MEMBERS) -> None:
    expiries = LedgerEntry.objects.filter(type=EntryType.POINTS_EXPIRED)
    assert expiries.count() == expiries.values("member").distinct().count() == count
    assert OutboxEvent.objects.filter(kind="loyalty.points_expired").count() == count
    assert Member.objects.filter(points_balance=0).count() == count
    assert list(reconciliation.differences()) == []


def test_two_workers_take_everybody_once(crowd, noon):
    workers = [worker(noon, chunk=7) for _ in range(2)]

    outcomes = [process.communicate(timeout=120) for process in workers]

    assert [process.returncode for process in workers] == [0, 0], outcomes
    assert_expired_once_each()
    by_run = Run.objects.filter(job="loyalty.expire_points").values_list("counts", flat=True)
    assert sum(counts["members"] for counts in by_run) == MEMBERS
    assert sum(counts["skipped_locked"] for counts in by_run) == 0


def test_what_a_killed_worker_committed_stays_and_the_next_run_finishes(crowd, noon):
    process = worker(noon, chunk=2)
    deadline = time.monotonic() + 60
    while LedgerEntry.objects.filter(type=EntryType.POINTS_EXPIRED).count() < 20 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = LedgerEntry.objects.filter(type=EntryType.POINTS_EXPIRED).count()
    assert 20 <= done < MEMBERS

    finisher = worker(noon, chunk=500)
    finisher.communicate(timeout=120)

    assert finisher.returncode == 0
    assert_expired_once_each()
    first, second = Run.objects.filter(job="loyalty.expire_points").order_by("started_at")
    assert (first.status, second.status) == (Run.Status.FAILED, Run.Status.SUCCEEDED)
    assert second.counts["members"] == MEMBERS - LedgerEntry.objects.filter(run_id=first.pk).count()


def at_the_till(member, noon, paid: threading.Event, leave: threading.Event) -> threading.Thread:
    """A purchase that has locked the member and does not commit before `leave` is set."""

    def purchase() -> None:
        try:
            with transaction.atomic():
                counter = member.merchant.stores.get()
                points.earn(member=member, store=counter, amount=Decimal(1), order_reference="now", at=noon + 30 * DAY)
                paid.set()
                leave.wait(60)
        finally:
            connections.close_all()

    thread = threading.Thread(target=purchase)
    thread.start()
    paid.wait(60)
    return thread


def test_a_member_at_the_till_is_passed_over_and_not_expired(crowd, noon):
    member = Member.objects.select_related("program", "merchant").order_by("pk")[150]
    paid, leave = threading.Event(), threading.Event()
    till = at_the_till(member, noon, paid, leave)

    class LeaveAfterTheFirstChunks(expiration.Progress):
        """The customer leaves while the run is at work."""

        def advance(self, counts) -> None:
            if counts["members"] and LedgerEntry.objects.filter(type=EntryType.POINTS_EXPIRED).count() > 250:
                leave.set()

    counts = expiration.expire(
        programs=[crowd], at=noon + 30 * DAY, run_id=new_id(), chunk=50, progress=LeaveAfterTheFirstChunks()
    )
    till.join()

    member.refresh_from_db()
    assert member.points_balance == 20
    assert (counts["members"], counts["skipped_locked"]) == (MEMBERS - 1, 0)


def test_a_member_who_stays_locked_is_counted_and_left_for_the_next_run(crowd, noon, own_database):
    member = Member.objects.order_by("pk")[10]
    with own_database.connect() as other, other.transaction():
        other.execute("SELECT 1 FROM loyalty_members WHERE id = %s FOR NO KEY UPDATE", [member.pk])
        counts = expiration.expire(programs=[crowd], at=noon + 30 * DAY, run_id=new_id())
    assert (counts["members"], counts["skipped_locked"]) == (MEMBERS - 1, 1)

    counts = expiration.expire(programs=[crowd], at=noon + 31 * DAY, run_id=new_id())

    assert counts["members"] == 1
    assert_expired_once_each()


def test_a_foreign_key_check_on_a_member_keeps_nobody_from_expiring(crowd, noon, own_database):
    member = Member.objects.order_by("pk")[10]
    with own_database.connect() as other, other.transaction():
        other.execute("SELECT 1 FROM loyalty_members WHERE id = %s FOR KEY SHARE", [member.pk])

        counts = expiration.expire(programs=[crowd], at=noon + 30 * DAY, run_id=new_id())

    assert (counts["members"], counts["skipped_locked"]) == (MEMBERS, 0)


def test_whoever_buys_between_the_look_and_the_lock_is_not_expired(crowd, noon):
    ids = list(Member.objects.order_by("pk").values_list("pk", flat=True)[:3])
    night = expiration.due.Night(crowd, noon + 30 * DAY)
    Member.objects.filter(pk=ids[1]).update(last_activity_at=noon + timedelta(days=1))

    with transaction.atomic():
        members, taken = expiration.expiring.lock_chunk(night, expiration.due.INACTIVE, ids)

    assert [member.pk for member in members] == [ids[0], ids[2]]
    assert taken.missed == [ids[1]]
    assert walking.still(night, expiration.due.INACTIVE, taken.missed) == []
