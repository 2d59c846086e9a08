"""The real orders: every figure is the reference's, whatever stops, cuts or undoes the replay on the way."""

import os
import signal
import subprocess
import sys
import time

import pytest

from loyalty.models import EntryType, LedgerEntry, LotAllocation, Member, PointLot
from loyalty.queries import reconciliation
from loyalty.replay.replaying import NIGHT_JOB
from loyalty_site.jobs.models import Run
from loyalty_site.outbox.models import OutboxEvent
from tests import server
from tests.replay.conftest import RULES


def of_rule(reference, rule):
    return {name: reference[name] for name in ("input", rule, "cohorts", "others")}


def figures():
    """Every balance and every open or closed lot."""
    members = Member.objects.values_list("pk", "points_balance", "lifetime_points", "last_activity_at", "stamp_count")
    lots = PointLot.objects.values_list("pk", "consumed", "expires_at", "status")
    return set(members), set(lots)


@pytest.mark.parametrize("rule", RULES)
def test_the_real_orders_come_to_the_reference_however_often(
    own_database, replay_orders, reference, rule, undone_night
):
    """Though a night was undone on the way: that gives back every balance and lot, and the night takes them again."""
    undone_night(rule)

    assert replay_orders(rule) == of_rule(reference, rule)
    assert list(reconciliation.differences()) == []
    before, entries, events = figures(), LedgerEntry.objects.count(), OutboxEvent.objects.count()

    assert replay_orders(rule) == of_rule(reference, rule)

    assert (figures(), LedgerEntry.objects.count(), OutboxEvent.objects.count()) == (before, entries, events)


@pytest.fixture
def undone_night(replay_orders, manage):
    """Replay until a night has expired something, undo that night, and see that all is as before."""

    def undo(rule):
        replay_orders(rule, "--until=2011-07-14T01:59:59Z")
        before = figures()
        replay_orders(rule, "--until=2011-07-14T02:00:00Z")
        night = Run.objects.filter(job=NIGHT_JOB).latest("as_of")
        expired = LedgerEntry.objects.filter(run_id=night.pk)
        assert expired.count() == night.counts["members"] > 0
        assert figures() != before

        done = manage("undo_run", str(night.pk), "--format=json")

        assert done.returncode == 0, done.stderr
        assert figures() == before
        answers = {entry.answers_id: entry for entry in LedgerEntry.objects.filter(type=EntryType.UNDO)}
        for entry in expired:
            assert answers.pop(entry.pk).points_delta == -entry.points_delta
        assert not answers
        both = [night.pk, *Run.objects.filter(undoes=night).values_list("pk", flat=True)]
        moved = LotAllocation.objects.filter(entry__type__in=["undo", "points_expired"], entry__run_id__in=both)
        assert sum(moved.values_list("points", flat=True)) == 0
        assert list(reconciliation.differences()) == []

    return undo


@pytest.mark.long
def test_a_replay_killed_in_the_middle_goes_on_where_it_was(own_database, command, replay_orders, reference):
    rule = "rule_b_lot_180d"
    first = subprocess.Popen(
        [sys.executable, "manage.py", *command(rule)],
        cwd=server.ROOT,
        env=os.environ.copy(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # In the middle of the nights that expire.
    while first.poll() is None and Run.objects.filter(job=NIGHT_JOB).count() < 60:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert 0 < LedgerEntry.objects.filter(type=EntryType.EARN).count() < 18_000

    assert replay_orders(rule) == of_rule(reference, rule)

    assert list(reconciliation.differences()) == []
    assert set(Run.objects.values_list("status", flat=True)) == {Run.Status.SUCCEEDED, Run.Status.FAILED}
    assert Run.objects.filter(job="loyalty.replay_orders", status=Run.Status.FAILED).count() == 1
