import pytest
import structlog
from django.db import OperationalError, connection, transaction

from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant

COMMAND = Run.Trigger.COMMAND


@pytest.fixture
def baker(db):
    return Merchant.objects.create(slug="baker", name="Baker")


@pytest.mark.django_db
def test_a_run_says_what_was_done(baker, settings):
    settings.CODE_VERSION = "1.2.3"

    with runs.record("tests.sweep", trigger=COMMAND, merchant=baker) as run:
        assert Run.objects.get().status == "running"
        run.counts = {"members": 3}

    kept = Run.objects.get()
    assert (kept.job, kept.merchant, kept.trigger, kept.status) == ("tests.sweep", baker, "command", "succeeded")
    assert (kept.counts, kept.error, kept.code_version) == ({"members": 3}, "", "1.2.3")
    assert kept.finished_at >= kept.started_at


@pytest.mark.django_db
def test_a_run_that_raises_is_recorded_and_the_exception_goes_on():
    def sweep():
        with runs.record("tests.sweep", trigger=COMMAND) as run:
            run.counts = {"members": 3}
            raise ZeroDivisionError("no way")

    with pytest.raises(ZeroDivisionError):
        sweep()

    kept = Run.objects.get()
    assert (kept.status, kept.counts) == ("failed", {"members": 3})
    assert "ZeroDivisionError: no way" in kept.error
    assert "test_runs.py" in kept.error, "the traceback"
    assert kept.trace_id in kept.error
    assert kept.finished_at is not None


@pytest.mark.django_db
def test_the_trace_id_is_that_of_the_request_where_there_is_one():
    with (
        structlog.contextvars.bound_contextvars(request_id="req-1"),
        runs.record("tests.sweep", trigger=Run.Trigger.ADMIN) as run,
    ):
        assert structlog.contextvars.get_contextvars()["run_id"] == str(run.pk)

    assert Run.objects.get().trace_id == "req-1"


@pytest.mark.django_db
def test_an_interrupted_run_has_failed():
    with pytest.raises(KeyboardInterrupt), runs.record("tests.sweep", trigger=COMMAND):
        raise KeyboardInterrupt

    assert Run.objects.get().status == "failed"


@pytest.mark.django_db
def test_a_run_can_be_partial():
    with runs.record("tests.sweep", trigger=COMMAND) as run:
        run.status = Run.Status.PARTIAL
        run.error = "one merchant was left out"

    kept = Run.objects.get()
    assert (kept.status, kept.error) == ("partial", "one merchant was left out")


@pytest.mark.django_db
def test_a_key_succeeds_once(baker):
    with runs.record("tests.sweep", trigger=COMMAND, key="monday"):
        pass

    with pytest.raises(runs.RunExists), runs.record("tests.sweep", trigger=COMMAND, key="monday"):
        pytest.fail("ran twice")
    with runs.record("tests.sweep", trigger=COMMAND, key="tuesday"):
        pass
    with runs.record("tests.sweep", trigger=COMMAND, key="monday", merchant=baker):
        pass
    with runs.record("tests.other", trigger=COMMAND, key="monday"):
        pass
    assert Run.objects.filter(status="succeeded").count() == 4


@pytest.mark.django_db
@pytest.mark.parametrize("ending", ["failed", "partial"])
def test_a_key_whose_run_did_not_succeed_may_run_again(ending):
    with runs.record("tests.sweep", trigger=COMMAND, key="monday") as run:
        run.status = ending

    with runs.record("tests.sweep", trigger=COMMAND, key="monday"):
        pass

    assert sorted(Run.objects.values_list("status", flat=True)) == sorted([ending, "succeeded"])


@pytest.mark.django_db
def test_a_run_within_a_run_of_the_same_job_does_not_take_it_for_dead():
    with runs.record("tests.sweep", trigger=COMMAND) as outer, runs.record("tests.sweep", trigger=COMMAND):
        outer.refresh_from_db()
        assert outer.status == "running"


def test_the_run_is_seen_while_it_runs(own_database):
    with own_database.connect() as other, runs.record("tests.sweep", trigger=COMMAND) as run:
        [(status,)] = other.execute("SELECT status FROM job_runs WHERE id = %s", [run.pk]).fetchall()
        assert status == "running"


def test_a_run_inside_a_transaction_is_refused(own_database):
    with (
        transaction.atomic(),
        pytest.raises(RuntimeError, match="durable"),
        runs.record("tests.sweep", trigger=COMMAND),
    ):
        pytest.fail("began")


def test_a_run_that_lost_its_connection_is_recorded_over_a_new_one(own_database):
    def sweep():
        with (
            own_database.connect() as other,
            runs.record("tests.sweep", trigger=COMMAND),
            connection.cursor() as cursor,
        ):
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            cursor.execute("SELECT 1")

    with pytest.raises(OperationalError):
        sweep()

    assert Run.objects.get().status == "failed"
