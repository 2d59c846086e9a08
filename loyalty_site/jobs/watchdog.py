"""The watchdog: notices a cluster that has stopped working without having ended.

django-q2 stalls for ever when an idle worker process is killed from outside (it dies holding the lock of the queue
that the others read), and hangs in some other ways; nothing in it notices. It runs in the delivery loop, the
worker's other process.
"""

import logging
import os
import time
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from loyalty_site.jobs.delivery import POLL_SECONDS
from loyalty_site.jobs.identity import watch_seconds
from loyalty_site.jobs.models import QueuedTask, Worker

logger = logging.getLogger(__name__)

# A worker silent for so long has no process left: its supervisor ends a stuck one sooner.
LOST_AFTER_STALLS = 3


class WorkerStalledError(Exception):
    """The cluster beside this process does not work any more."""


class Watchdog:
    """Beats for the delivery loop, watches the cluster of the same worker, and frees tasks whose process is gone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stall = timedelta(seconds=settings.WORKER_STALL_SECONDS)
        self.every = watch_seconds()
        self.checked_at = 0.0
        self.watching_since = time.monotonic()

    def check(self) -> None:
        """Look, every few seconds. Raises `WorkerStalledError`."""
        now = time.monotonic()
        if now - self.checked_at < self.every:
            return
        if now - self.checked_at > max(self.stall.total_seconds() / 2, self.every + 2 * POLL_SECONDS):
            # First look, or the database was away: what is old by now may be so for that reason.
            self.watching_since = now
        self.checked_at = now
        worker, _ = Worker.objects.update_or_create(name=self.name, defaults={"delivery_beat_at": timezone.now()})
        self._free_lost_tasks()
        if now - self.watching_since > self.stall.total_seconds():
            self._judge(worker)

    def _judge(self, worker: Worker) -> None:
        long_ago = timezone.now() - self.stall
        if worker.cluster_beat_at is None or worker.cluster_beat_at < long_ago:
            raise WorkerStalledError("The cluster gives no sign of life.")
        busy = [task for task in self._begun(self.name) if _is_alive(task.process_id)]
        if len(busy) >= Conf.WORKERS:
            return
        ready = OrmQ.objects.filter(key=Conf.CLUSTER_NAME, lock__lt=long_ago)
        taken = QueuedTask.objects.filter(_in_queue(), worker=self.name, started_at=None, taken_at__lt=long_ago)
        if not (ready.exists() or taken.exists()):
            return
        # Read last: a process between two tasks is idle, and has just ended one.
        worker.refresh_from_db(fields=["task_ended_at"])
        if worker.task_ended_at is None or worker.task_ended_at < long_ago:
            raise WorkerStalledError("There is work, the cluster has idle workers, and it does none of it.")

    def _free_lost_tasks(self) -> None:
        """Let tasks whose process died be taken again now: django-q2 waits three timeouts for them."""
        lost = [
            task.queue_id
            for task in self._begun(self.name)
            if task.process_id is not None and not _is_alive(task.process_id)
        ]
        silent = timezone.now() - LOST_AFTER_STALLS * self.stall
        living = Worker.objects.filter(delivery_beat_at__gte=silent).values("name")
        orphans = QueuedTask.objects.filter(_in_queue(), finished_at=None, taken_at__lt=silent)
        lost += orphans.exclude(worker__in=living).values_list("queue_id", flat=True)
        if lost:
            now = timezone.now()
            freed = OrmQ.objects.filter(pk__in=lost, lock__gt=now).update(lock=now)
            if freed:
                logger.warning("%d tasks lost their process and go back to the queue", freed)

    @staticmethod
    def _begun(worker: str) -> "list[QueuedTask]":
        """The tasks that a process of the worker has begun and not ended."""
        return list(
            QueuedTask.objects.filter(_in_queue(), worker=worker, started_at__gte=F("taken_at"), finished_at=None)
        )


def _in_queue() -> Q:
    return Q(Exists(OrmQ.objects.filter(pk=OuterRef("queue_id"))))


def _is_alive(process_id: int | None) -> bool:
    if process_id is None:
        return False
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
