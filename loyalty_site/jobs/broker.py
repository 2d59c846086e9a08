"""django-q2's queue, with a record of its own: who took a task, who began it, how often it was never ended."""

import logging
import os
import time
from datetime import datetime
from typing import Any

from django.db import Error, connection, transaction
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import Task
from django_q.signing import BadSignature, SignedPackage
from django_q.utils import get_func_repr

from loyalty_site.jobs.connections import drop_if_unusable
from loyalty_site.jobs.identity import watch_seconds, worker_name
from loyalty_site.jobs.models import QueuedTask, Worker

logger = logging.getLogger(__name__)

# django-q2 counts the attempts of tasks that fail, not of those that kill their worker.
MOST_UNFINISHED_STARTS = 3


class RecordingBroker(ORM):
    """The ORM broker; a task that has ended its worker too often is parked instead of being given out again.

    A parked task is kept among django-q2's failed tasks.
    """

    _beaten_at = 0.0

    def dequeue(self) -> list[tuple[int, str]] | None:
        """Take the oldest task that is ready, in one transaction with the record that this worker has it.

        Taken without a record, a task would wait three timeouts, and nobody would know whose it was.
        """
        # Outside the transaction: it also closes a connection that is worn out.
        tasks = self.get_connection()
        with transaction.atomic():
            ready = tasks.filter(key=self.list_key, lock__lte=timezone.now()).order_by("pk")
            row = ready.select_for_update(skip_locked=True).first()
            if row is not None:
                row.lock = self.timeout(row)
                row.save(update_fields=["lock"])
                given = self._note_taken(row.pk, row.payload)
        if row is None:
            time.sleep(Conf.POLL)
            return None
        return [(row.pk, row.payload)] if given else []

    def delete(self, task_id: int) -> None:
        super().delete(task_id)
        QueuedTask.objects.filter(queue_id=task_id).delete()

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Called by the cluster's sentinel at every turn of its loop: its sign of life."""
        now = time.monotonic()
        if now - self._beaten_at >= watch_seconds():
            self._beaten_at = now
            drop_if_unusable()
            Worker.objects.update_or_create(name=worker_name(), defaults={"cluster_beat_at": timezone.now()})

    def _note_taken(self, queue_id: int, payload: str) -> bool:
        """Record that this worker has the task. Return False where it is parked."""
        task, _ = QueuedTask.objects.update_or_create(
            queue_id=queue_id,
            defaults={
                "worker": worker_name(),
                "taken_at": timezone.now(),
                "process_id": None,
                "started_at": None,
                "finished_at": None,
            },
        )
        if task.unfinished_starts < MOST_UNFINISHED_STARTS:
            return True
        self._park(task, payload)
        return False

    def _park(self, task: QueuedTask, payload: str) -> None:
        try:
            package = SignedPackage.loads(payload)
        except (TypeError, BadSignature):
            package = {}
        error = f"It ended its worker process {task.unfinished_starts} times and is not tried again."
        logger.critical("The task %s is parked. %s", task.function or task.queue_id, error)
        with transaction.atomic():
            if package:
                now = timezone.now()
                Task.objects.update_or_create(
                    id=package["id"],
                    defaults={
                        "name": package["name"],
                        "func": get_func_repr(package["func"]),
                        "args": package["args"],
                        "kwargs": package["kwargs"],
                        "group": package.get("group"),
                        "started": package.get("started") or now,
                        "stopped": now,
                        "success": False,
                        "result": error,
                        "attempt_count": task.unfinished_starts,
                    },
                )
            self.delete(task.queue_id)


def note_start(sender: Any, func: Any, task: dict[str, Any], **_: Any) -> None:
    """A worker process begins a task: count it before the task can kill us."""
    if not task.get("ack_id"):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE job_queued_tasks
            SET function = %s, process_id = %s, started_at = statement_timestamp(), finished_at = NULL,
                unfinished_starts = unfinished_starts + 1
            WHERE queue_id = %s
            """,
            [get_func_repr(task["func"])[:256], os.getpid(), task["ack_id"]],
        )


def note_end(sender: Any, func: Any, task: dict[str, Any], **_: Any) -> None:
    """A worker process has ended a task, well or not."""
    if not task.get("ack_id"):
        return
    try:
        # The task may have lost the connection; its result is not lost for that.
        drop_if_unusable()
        now: datetime = timezone.now()
        # In this order: who sees an idle process must also see why it is idle.
        Worker.objects.filter(name=worker_name()).update(task_ended_at=now)
        QueuedTask.objects.filter(queue_id=task["ack_id"]).update(finished_at=now, unfinished_starts=0)
    except Error:
        logger.exception("The end of %s could not be recorded", task["name"])
