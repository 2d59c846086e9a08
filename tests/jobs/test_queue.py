"""The record of the queue, and what the watchdog makes of it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ, Task
from django_q.tasks import async_task

from loyalty_site.jobs import broker
from loyalty_site.jobs.identity import worker_name
from loyalty_site.jobs.models import QueuedTask, Worker
from loyalty_site.jobs.watchdog import Watchdog

pytestmark = pytest.mark.django_db


@pytest.fixture
def queue():
    return get_broker()


@pytest.fixture
def taken(queue):
    """A task that this worker has taken from the queue, as a worker process gets it."""
    async_task("tests.jobs.tasks.sweep")
    [(queue_id, _)] = queue.dequeue()
    return {"ack_id": queue_id, "func": "tests.jobs.tasks.sweep", "name": "a name"}


def release(taken):
    OrmQ.objects.filter(pk=taken["ack_id"]).update(lock=timezone.now() - timedelta(seconds=1))


def begin(taken):
    broker.note_start(None, func=None, task=taken)


def end(taken):
    broker.note_end(None, func=None, task=taken)


def test_a_task_taken_is_on_record(taken):
    task = QueuedTask.objects.get()

    assert (task.queue_id, task.worker, task.started_at) == (taken["ack_id"], worker_name(), None)


def test_a_task_taken_again_has_not_begun_again(queue, taken):
    begin(taken)
    release(taken)
    queue.dequeue()

    task = QueuedTask.objects.get()
    assert (task.started_at, task.process_id, task.unfinished_starts) == (None, None, 1)


def test_a_task_done_leaves_no_record(queue, taken):
    begin(taken)
    end(taken)
    queue.acknowledge(taken["ack_id"])

    assert not QueuedTask.objects.exists()
    assert not OrmQ.objects.exists()


def test_a_task_begun_three_times_and_never_ended_is_parked(queue, taken):
    for _ in range(3):
        begin(taken)
        release(taken)
        given_out = queue.dequeue()

    assert given_out == []
    assert not OrmQ.objects.exists()
    assert not QueuedTask.objects.exists()
    parked = Task.objects.get()
    assert (parked.func, parked.success, parked.attempt_count) == ("tests.jobs.tasks.sweep", False, 3)


def test_a_task_that_fails_in_an_orderly_way_is_not_parked_by_us(queue, taken):
    for _ in range(5):
        begin(taken)
        end(taken)
        release(taken)
        assert queue.dequeue()


def lock_of(taken):
    return OrmQ.objects.get(pk=taken["ack_id"]).lock


def test_a_task_whose_process_is_gone_is_free_at_once(taken):
    begin(taken)
    QueuedTask.objects.update(process_id=2**22 + 1)

    Watchdog(worker_name()).check()

    assert lock_of(taken) <= timezone.now()


def test_a_task_whose_process_lives_is_left_to_it(taken):
    begin(taken)

    Watchdog(worker_name()).check()

    assert lock_of(taken) > timezone.now()


@pytest.mark.parametrize(("silent_for", "is_freed"), [(timedelta(hours=1), True), (timedelta(seconds=1), False)])
def test_a_task_of_a_worker_that_is_silent_is_free(taken, silent_for, is_freed):
    Worker.objects.create(name="other:1", delivery_beat_at=timezone.now() - silent_for)
    QueuedTask.objects.update(worker="other:1", taken_at=timezone.now() - timedelta(hours=2))

    Watchdog(worker_name()).check()

    assert (lock_of(taken) <= timezone.now()) == is_freed
