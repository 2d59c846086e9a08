"""The hourly progression under fire: several workers, a kill in the middle, members at the till meanwhile."""

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

from loyalty.models import DowngradePolicy, EntryType, LedgerEntry, Member, Program, Tier, TierBasis
from loyalty.operations import points, progression, refunds
from loyalty.queries import reconciliation
from loyalty_site.ids import new_id
from loyalty_site.jobs.models import Run
from loyalty_site.outbox.models import OutboxEvent
from tests import server
from tests.cast import NOON, make_member, make_merchant
from tests.databases import OwnDatabase

MEMBERS = 200
WEEK = timedelta(days=7)


def _fill(database: OwnDatabase) -> None:
    program = make_merchant("cafe", tier_basis=TierBasis.LIFETIME, downgrade_policy=DowngradePolicy.BY_BALANCE)
    Tier.objects.create(program=program, slug="silver", name="Silver", point_threshold=20)
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=100)
    counter = program.merchant.stores.create(reference="counter", name="Counter")
    for number in range(MEMBERS):
        member = make_member(program, f"m{number}")
        given = {"member": member, "store": counter}
        points.earn(amount=Decimal(9), order_reference=f"a{number}", at=NOON, **given)
        points.earn(amount=Decimal(2), order_reference=f"b{number}", at=NOON + WEEK, **given)
        refunds.refund(amount=Decimal(5), refund_reference=f"r{number}", at=NOON + WEEK, **given)


@pytest.fixture(scope="module")
def own_template(filled):
    return filled(_fill)


@pytest.fixture
def crowd(own_database):
    """Two hundred members in gold who visited in two weeks on end and then gave back what gold needs.

    At noon and a week each of them is owed a bonus and a warning.
    """
    return Program.objects.get()


def worker(noon, *, chunk: int) -> "subprocess.Popen[str]":
    """A process that runs the café's hour of noon and a week."""
    as_of = (noon + WEEK).isoformat()
    return subprocess.Popen(
        [sys.executable, "manage.py", "run_progression", "--as-of", as_of, "--chunk", str(chunk), "--format", "json"],
        cwd=server.ROOT,
        env=os.environ.copy(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def bonuses():
    return LedgerEntry.objects.filter(type=EntryType.TIER_BONUS)


def assert_done_once_each() -> None:
    assert bonuses().count() == bonuses().values("member").distinct().count() == MEMBERS
    warnings = OutboxEvent.objects.filter(kind="loyalty.tier_downgrade_warned")
    assert warnings.count() == len({event.facts["member_id"] for event in warnings}) == MEMBERS
    assert Member.objects.filter(tier__slug="gold", tier_warned_at__isnull=False, points_balance=70).count() == MEMBERS
    assert list(reconciliation.differences()) == []


def test_two_workers_do_everybody_once(crowd, noon):
    workers = [worker(noon, chunk=7) for _ in range(2)]

    outcomes = [process.communicate(timeout=120) for process in workers]

    assert [process.returncode for process in workers] == [0, 0], outcomes
    assert_done_once_each()
    by_run = list(Run.objects.values_list("counts", flat=True))
    assert sum(counts["streaks"] for counts in by_run) == sum(counts["warned"] for counts in by_run) == MEMBERS
    assert sum(counts["skipped_locked"] for counts in by_run) == 0


def test_what_a_killed_worker_committed_stays_and_the_next_run_does_the_rest(crowd, noon):
    process = worker(noon, chunk=2)
    deadline = time.monotonic() + 60
    while bonuses().count() < 20 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert 20 <= bonuses().count() < MEMBERS

    finisher = worker(noon, chunk=500)
    finisher.communicate(timeout=120)

    assert finisher.returncode == 0
    assert_done_once_each()
    first, second = Run.objects.order_by("started_at")
    assert (first.status, second.status) == (Run.Status.FAILED, Run.Status.SUCCEEDED)
    assert second.counts["streaks"] == MEMBERS - bonuses().filter(run_id=first.pk).count()


def test_purchases_during_the_run_are_neither_lost_nor_answered_with_a_lower_tier(crowd, noon):
    at = noon + WEEK
    # Warned now, and lowered two weeks later, while half of them buy themselves back up.
    progression.advance(programs=[crowd], at=at, run_id=new_id())
    members = list(Member.objects.select_related("program", "tier", "merchant").order_by("pk"))
    buyers, store = members[::2], crowd.merchant.stores.get()

    def buy(some: list[Member]) -> None:
        try:
            for member in some:
                points.earn(
                    member=member,
                    store=store,
                    amount=Decimal(5),
                    order_reference=f"late-{member.pk}"[:64],
                    at=at + 14 * timedelta(days=1),
                )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=buy, args=(buyers[part::3],)) for part in range(3)]
    for thread in threads:
        thread.start()
    counts = progression.advance(programs=[crowd], at=at + 14 * timedelta(days=1), run_id=new_id(), chunk=5)
    for thread in threads:
        thread.join()

    # Whoever bought is in gold, whichever came first: kept, or raised again. All others are in silver.
    tiers = dict(Member.objects.values_list("pk", "tier__slug"))
    assert {tiers[member.pk] for member in buyers} == {"gold"}
    assert {tiers[member.pk] for member in members[1::2]} == {"silver"}
    assert counts["skipped_locked"] == 0
    assert not Member.objects.filter(tier_warned_at__isnull=False).exists()
    assert list(reconciliation.differences()) == []


def test_a_member_at_the_till_is_passed_over_and_done_when_they_have_left(crowd, noon):
    member = Member.objects.order_by("pk")[100]
    there, leave = threading.Event(), threading.Event()

    def at_the_till() -> None:
        try:
            with transaction.atomic():
                Member.objects.select_for_update(no_key=True).get(pk=member.pk)
                there.set()
                leave.wait(60)
        finally:
            connections.close_all()

    thread = threading.Thread(target=at_the_till)
    thread.start()
    there.wait(60)

    def leave_at_the_end(done: int) -> None:
        if bonuses().count() == MEMBERS - 1:
            leave.set()

    counts = progression.advance(programs=[crowd], at=noon + WEEK, run_id=new_id(), chunk=40, told=leave_at_the_end)
    thread.join()

    assert counts["skipped_locked"] == 0
    assert_done_once_each()
