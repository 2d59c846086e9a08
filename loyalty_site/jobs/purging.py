"""Jobs tidy up after themselves."""

from datetime import timedelta

from django.utils import timezone

from loyalty_site.jobs.models import QueuedTask, Run, Worker
from loyalty_site.jobs.scheduled import job, registry

# A worker that has been silent for so long is not coming back under its name.
_FORGET_WORKERS = timedelta(days=7)
_FORGET_TASKS = timedelta(days=30)


@job("jobs.purge", keep_days=30)
def purge(run: Run) -> dict[str, int]:
    """Delete the successful runs of jobs that do not keep theirs, and the traces of workers long gone.

    Failures stay, and so does every run that ledger entries name: such a job keeps its runs for ever.
    """
    now = timezone.now()
    counts = {"runs": 0, "workers": 0, "tasks": 0}
    for each in registry.values():
        if each.keep_days is None:
            continue
        old = Run.objects.filter(
            job=each.name,
            status=Run.Status.SUCCEEDED,
            started_at__lt=now - timedelta(days=each.keep_days),
        )
        counts["runs"] += old.delete()[0]
    workers = Worker.objects.filter(started_at__lt=now - _FORGET_WORKERS).exclude(
        delivery_beat_at__gte=now - _FORGET_WORKERS
    )
    counts["workers"] = workers.delete()[0]
    counts["tasks"] = QueuedTask.objects.filter(taken_at__lt=now - _FORGET_TASKS).delete()[0]
    return counts
