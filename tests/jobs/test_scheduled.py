from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from loyalty_site.jobs import purging
from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job, registry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_names():
    """Jobs of a test are forgotten with it."""
    known = dict(registry)
    yield
    registry.clear()
    registry.update(known)


def test_a_job_is_a_run_with_what_it_returned():
    @job("tests.sweep")
    def sweep(run):
        return {"members": 3}

    sweep()

    run = Run.objects.get()
    assert (run.job, run.trigger, run.status, run.counts) == ("tests.sweep", "schedule", "succeeded", {"members": 3})


def test_a_job_that_raises_fails_and_the_scheduler_hears_of_it():
    @job("tests.sweep")
    def sweep(run):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        sweep()

    assert Run.objects.get().status == "failed"


def test_a_job_once_an_instant_runs_as_of_its_instant_and_once():
    seen = []

    @job("loyalty.expire_points", once_an_instant=True)
    def expire(run):
        seen.append(run.as_of)

    for late in (timedelta(minutes=7), timedelta(hours=9), timedelta(hours=24)):
        with time_machine.travel(datetime(2026, 3, 2, 2, 0, tzinfo=UTC) + late, tick=False):
            expire()

    assert seen == [datetime(2026, 3, 2, 2, tzinfo=UTC), datetime(2026, 3, 3, 2, tzinfo=UTC)]
    assert Run.objects.filter(status="succeeded").count() == 2


def test_a_job_once_an_instant_runs_again_where_it_failed():
    outcomes = iter([ValueError("no"), None])

    @job("loyalty.expire_points", once_an_instant=True)
    def expire(run):
        if error := next(outcomes):
            raise error

    with time_machine.travel(datetime(2026, 3, 2, 2, 0, tzinfo=UTC), tick=False):
        with pytest.raises(ValueError, match="no"):
            expire()
        expire()

    assert sorted(Run.objects.values_list("status", flat=True)) == ["failed", "succeeded"]


def test_only_old_successes_of_jobs_that_say_so_are_purged():
    job("tests.often", keep_days=2)(lambda run: None)
    job("tests.kept")(lambda run: None)
    now = timezone.now()
    for name, status, days in [
        ("tests.often", "succeeded", 3),
        ("tests.often", "succeeded", 1),
        ("tests.often", "failed", 3),
        ("tests.kept", "succeeded", 300),
    ]:
        Run.objects.create(job=name, status=status, trigger="schedule", started_at=now - timedelta(days=days))

    purging.purge()

    left = Run.objects.filter(job__startswith="tests.").values_list("job", "status")
    assert sorted(left) == [("tests.kept", "succeeded"), ("tests.often", "failed"), ("tests.often", "succeeded")]
