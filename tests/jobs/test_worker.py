"""A worker lives and ends as one, and notices when it has stopped working."""

import os
import signal
import sys

import pytest
from django_q.models import OrmQ, Schedule, Task
from django_q.tasks import async_task

from loyalty_site.jobs.models import QueuedTask, Run, Worker
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.schedules import SCHEDULES
from tests.jobs.workers import RunningWorker, wait_until
from tests.outbox.happenings import publish

# Counted are those who run lines that no other runs.
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]


@pytest.fixture
def start_worker(own_database, tmp_path):
    workers = []

    def start(**environment):
        worker = RunningWorker(own_database.name, tmp_path / "worker.log", **environment)
        workers.append(worker)
        wait_until(worker.is_up, worker.log.read_text)
        wait_until(lambda: Worker.objects.exclude(cluster_beat_at=None).exclude(delivery_beat_at=None).exists())
        return worker

    yield start
    for worker in workers:
        worker.kill_everything()


@pytest.mark.counted
def test_it_runs_tasks_and_delivers_news(start_worker):
    worker = start_worker()

    async_task("tests.jobs.tasks.sweep")
    publish(1)

    wait_until(lambda: Run.objects.filter(job="tests.sweep", status="succeeded").exists(), worker.log.read_text)
    wait_until(lambda: not OrmQ.objects.exists() and not QueuedTask.objects.exists())
    wait_until(lambda: OutboxEvent.objects.filter(status="done").exists(), worker.log.read_text)


def test_it_starts_with_the_schedules_of_the_code(start_worker):
    by_hand = Schedule(name="by hand", func="os.remove", schedule_type=Schedule.CRON, cron="whenever")
    Schedule.objects.bulk_create([by_hand])

    start_worker()

    wait_until(lambda: set(Schedule.objects.values_list("name", flat=True)) == set(SCHEDULES))


@pytest.mark.counted
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_leaves_nothing(start_worker, number):
    worker = start_worker()

    worker.supervisor.send_signal(number)

    assert worker.exit_code() == 0
    assert worker.nothing_is_left()


def test_a_signal_stops_it_in_time_though_a_task_is_under_way(start_worker):
    worker = start_worker(WORKER_STOP_SECONDS="1")
    async_task("tests.jobs.tasks.nap")
    wait_until(lambda: Run.objects.filter(job="tests.nap").exists())

    worker.supervisor.send_signal(signal.SIGTERM)

    assert worker.exit_code() == 0
    assert worker.nothing_is_left()
    assert Run.objects.get(job="tests.nap").status == "running", "nobody waited for it"


@pytest.mark.counted
@pytest.mark.parametrize("part", ["cluster", "delivery"])
def test_where_one_part_dies_all_end_and_the_exit_code_says_so(start_worker, part):
    worker = start_worker()

    os.kill(getattr(worker, part), signal.SIGKILL)

    assert worker.exit_code() == 1
    assert worker.nothing_is_left()


def test_a_sigterm_to_all_of_the_cluster_ends_the_worker_and_leaves_nothing(start_worker):
    worker = start_worker(WORKER_STOP_SECONDS="2", WORKER_STALL_SECONDS="5")

    os.killpg(worker.cluster, signal.SIGTERM)

    assert worker.exit_code() == 1
    assert worker.nothing_is_left()


def test_a_supervisor_that_is_killed_leaves_nothing(start_worker):
    worker = start_worker()

    worker.supervisor.kill()
    worker.supervisor.wait()

    assert worker.nothing_is_left()


@pytest.mark.counted
def test_a_delivery_loop_that_is_stuck_ends_the_worker(start_worker):
    worker = start_worker(WORKER_STALL_SECONDS="5", WORKER_STOP_SECONDS="1")

    os.kill(worker.delivery, signal.SIGSTOP)

    assert worker.exit_code() == 1
    assert worker.nothing_is_left()


def test_a_cluster_that_gives_no_sign_of_life_ends_the_worker(start_worker):
    worker = start_worker(WORKER_STALL_SECONDS="6", WORKER_STOP_SECONDS="1")

    for process in worker.processes("qcluster"):
        os.kill(process, signal.SIGSTOP)

    assert worker.exit_code() == 1
    assert worker.nothing_is_left()


@pytest.mark.counted
def test_a_cluster_whose_idle_workers_were_killed_stalls_and_is_ended(start_worker):
    worker = start_worker(WORKER_STALL_SECONDS="6", WORKER_STOP_SECONDS="1")

    for process in worker.idle_workers:
        os.kill(process, signal.SIGKILL)
    async_task("tests.jobs.tasks.sweep")

    assert worker.exit_code() == 1
    assert worker.nothing_is_left()
    assert "none of it" in worker.log.read_text()


def test_a_cluster_that_is_busy_is_not_taken_for_stalled(start_worker):
    worker = start_worker(WORKER_STALL_SECONDS="4")

    for _ in range(4):
        async_task("tests.jobs.tasks.nap")

    wait_until(lambda: Run.objects.filter(job="tests.nap", status="succeeded").count() == 4, worker.log.read_text)
    # A worker that ends lets its tasks end first, so look at what was decided and not only at who is there.
    assert worker.supervisor.poll() is None
    assert worker.is_up(), worker.log.read_text()


def test_a_task_that_kills_its_process_is_parked_after_three_attempts_and_others_go_on(start_worker):
    worker = start_worker(WORKER_STALL_SECONDS="8")

    async_task("tests.jobs.tasks.deadly")
    async_task("tests.jobs.tasks.sweep")

    wait_until(lambda: Task.objects.filter(success=False).exists(), worker.log.read_text)
    parked = Task.objects.get(success=False)
    assert parked.func == "tests.jobs.tasks.deadly"
    assert "ended its worker process 3 times" in parked.result
    assert Run.objects.filter(job="tests.deadly").count() == 3
    assert Run.objects.filter(job="tests.sweep", status="succeeded").count() == 1
    wait_until(lambda: not OrmQ.objects.exists())


def test_it_goes_on_when_the_database_comes_back(start_worker, own_database):
    worker = start_worker()
    async_task("tests.jobs.tasks.sweep")
    wait_until(
        lambda: Run.objects.filter(status="succeeded").exists() and not OrmQ.objects.exists(), worker.log.read_text
    )

    with own_database.connect() as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'regulars %' AND datname = current_database()"
        )
    async_task("tests.jobs.tasks.sweep")
    publish(1)

    wait_until(lambda: Run.objects.filter(job="tests.sweep", status="succeeded").count() == 2, worker.log.read_text)
    wait_until(lambda: OutboxEvent.objects.filter(status="done").exists(), worker.log.read_text)
    wait_until(lambda: not OrmQ.objects.exists(), worker.log.read_text)
    assert worker.supervisor.poll() is None


def test_it_refuses_to_start_without_a_key(own_database, manage_apart):
    done = manage_apart("run_worker", SECRET_KEY="")

    assert done.returncode == 1
    assert "the worker does not start" in done.stderr
