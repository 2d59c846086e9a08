"""A run whose process is gone is not under way."""

import subprocess
import sys

import pytest

from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from tests.server import ROOT


@pytest.fixture
def running(own_database):
    """A process with a run under way."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.jobs.child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "running\n"
        yield child
        child.kill()


def test_a_key_under_way_elsewhere_does_not_run_twice(running):
    with pytest.raises(runs.RunExists), runs.record("tests.sweep", trigger="schedule", key="monday"):
        pytest.fail("ran twice")

    assert Run.objects.get().status == "running"
    running.communicate("done\n", timeout=20)
    assert Run.objects.get().status == "succeeded"


def test_a_run_whose_process_was_killed_has_failed_and_the_next_can_go(running):
    running.kill()
    running.wait()

    with runs.record("tests.sweep", trigger="schedule", key="monday"):
        pass

    dead, done = Run.objects.order_by("started_at")
    assert (dead.status, done.status) == ("failed", "succeeded")
    assert "process ended" in dead.error
    assert dead.finished_at is not None
