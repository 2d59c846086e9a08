"""The nightly runs of the demo's past, as the scheduler would have left them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from loyalty.models import Program
from loyalty.operations import expiration
from loyalty_site.jobs.models import Run

JOB = "loyalty.expire_points"


def expire(programs: Sequence[Program], night: datetime) -> bool:
    """Expire and warn as of that night under a run of its own; say whether anybody lost points. Twice is once."""
    run = Run.objects.filter(job=JOB, merchant=None, key=_key(night)).first()
    if run is None:
        run = _run(night, Run.Status.RUNNING)
        run.save(force_insert=True)
    counts = expiration.expire(programs=programs, at=night, run_id=run.pk)
    run.counts, run.status, run.error = dict(counts), Run.Status.SUCCEEDED, ""
    run.finished_at = night + timedelta(seconds=2)
    run.save(update_fields=["status", "counts", "error", "finished_at"])
    return counts["members"] > 0


def record_empty(programs: Sequence[Program], nights: Iterable[datetime]) -> None:
    """The runs of nights so early that no program has a point old enough to expire, or to be warned of."""
    counts = {"programs": len(programs), "members": 0, "points": 0, "lots": 0, "warned": 0, "skipped_locked": 0}
    runs = [_run(night, Run.Status.SUCCEEDED) for night in nights]
    for run in runs:
        run.counts = counts
    Run.objects.bulk_create(runs, ignore_conflicts=True)


def _run(night: datetime, status: Run.Status) -> Run:
    return Run(
        job=JOB,
        trigger=Run.Trigger.SCHEDULE,
        key=_key(night),
        as_of=night,
        started_at=night + timedelta(seconds=1),
        finished_at=night + timedelta(seconds=1) if status == Run.Status.SUCCEEDED else None,
        status=status,
    )


def _key(night: datetime) -> str:
    return f"{night:%Y-%m-%dT%H:%MZ}"
