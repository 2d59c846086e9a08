"""The record of a run: begun, ended, failed, or left behind by a process that died."""

import hashlib
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import Error, IntegrityError, connection, transaction
from django.utils import timezone

from loyalty_site.ids import new_id
from loyalty_site.jobs.connections import drop_if_unusable
from loyalty_site.jobs.models import Run
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant, User

logger = logging.getLogger(__name__)

_MAX_ERROR = 20_000

# A session holds its advisory locks as often as it asks: one process must not take its own run for a dead one.
_of_this_process: set[UUID] = set()


class RunExists(Refusal):
    """The key's run is under way or has succeeded."""

    code = "run_exists"
    sentence = "This job has already run for this key, or is running now."


@contextmanager
def record(
    job: str,
    *,
    trigger: str,
    merchant: Merchant | None = None,
    actor: User | None = None,
    key: str = "",
    as_of: datetime | None = None,
    undoes: Run | None = None,
) -> Iterator[Run]:
    """Keep a `Run` of what happens within. Its row is committed before anything else is.

    Put results in `run.counts`, and `run.status = Run.Status.PARTIAL` with an `error` where only a part was done;
    otherwise leaving means succeeded. What is raised is recorded with its trace id and goes on.

    Raises `RunExists` if a run of the same job, merchant and key is under way or has succeeded. A run whose process
    died counts as failed.
    """
    bury_dead_runs(job)
    run = Run(
        id=new_id(),
        job=job,
        trigger=trigger,
        merchant=merchant,
        actor=actor,
        key=key,
        as_of=as_of,
        undoes=undoes,
        trace_id=_trace_id(),
        code_version=settings.CODE_VERSION[:64],
    )
    with _sign_of_life(run), structlog.contextvars.bound_contextvars(**_log_facts(run)):
        try:
            # Durable: a row that waits for somebody else's commit would be no record of what was begun.
            with transaction.atomic(durable=True):
                run.save(force_insert=True)
        except IntegrityError as error:
            if "one_run_a_key" not in str(error):
                raise
            raise RunExists(job=job, key=key) from error
        with _kept(run):
            yield run


def queue(
    job: str,
    *,
    trigger: str,
    merchant: Merchant | None = None,
    actor: User | None = None,
    as_of: datetime | None = None,
    undoes: Run | None = None,
) -> Run:
    """Write a run that a worker will `take`, in the caller's transaction: with the task that is queued beside it."""
    run = queued(job, trigger=trigger, merchant=merchant, actor=actor, as_of=as_of, undoes=undoes)
    run.save(force_insert=True)
    return run


def queued(
    job: str,
    *,
    trigger: str,
    merchant: Merchant | None = None,
    actor: User | None = None,
    as_of: datetime | None = None,
    undoes: Run | None = None,
) -> Run:
    """The run of `queue`, for a caller that writes it."""
    return Run(
        job=job,
        trigger=trigger,
        status=Run.Status.QUEUED,
        merchant=merchant,
        actor=actor,
        as_of=as_of,
        undoes=undoes,
        trace_id=_trace_id(),
        code_version=settings.CODE_VERSION[:64],
    )


@contextmanager
def take(run_id: UUID) -> Iterator[Run]:
    """Keep what happens within as the run that was queued; otherwise like `record`.

    A run whose process died before its end may be taken again. Raises `RunExists` where it has ended, or is under way.
    """
    if run_id in _of_this_process or not _try_lock(run_id):
        raise RunExists
    try:
        run = Run.objects.select_related("merchant", "actor", "undoes").get(pk=run_id)
        if run.status not in (Run.Status.QUEUED, Run.Status.RUNNING):
            raise RunExists(job=run.job)
        with _sign_of_life(run), structlog.contextvars.bound_contextvars(**_log_facts(run)):
            run.status, run.started_at = Run.Status.RUNNING, timezone.now()
            run.save(update_fields=["status", "started_at"])
            with _kept(run):
                yield run
    finally:
        _unlock(run_id)


@contextmanager
def _kept(run: Run) -> Iterator[None]:
    """Write how it ends: as it says itself, as succeeded, or as failed with what was raised, which goes on."""
    try:
        yield
    except BaseException as error:
        _fail(run, error)
        raise
    if run.status == Run.Status.RUNNING:
        run.status = Run.Status.SUCCEEDED
    _finish(run)
    logger.info("%s %s %s", run.job, run.status, run.counts)


def bury_dead_runs(job: str | None = None) -> int:
    """Finish as failed every run (of the job) whose process is gone. Return how many there were."""
    running = Run.objects.filter(status=Run.Status.RUNNING)
    if job is not None:
        running = running.filter(job=job)
    buried = 0
    for run in running:
        if run.pk in _of_this_process or not _try_lock(run.pk):
            continue
        try:
            buried += Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING).update(
                status=Run.Status.FAILED,
                finished_at=timezone.now(),
                error="Its process ended before it did: what had been committed by then stays.",
            )
        finally:
            _unlock(run.pk)
    return buried


@contextmanager
def _sign_of_life(run: Run) -> Iterator[None]:
    """Hold an advisory lock of this session for as long as the run lasts; PostgreSQL frees it if we die."""
    _try_lock(run.pk)
    _of_this_process.add(run.pk)
    try:
        yield
    finally:
        _of_this_process.discard(run.pk)
        _unlock(run.pk)


def _fail(run: Run, error: BaseException) -> None:
    run.status = Run.Status.FAILED
    text = "".join(traceback.format_exception(error))
    run.error = f"{type(error).__name__}: {error} (trace {run.trace_id})\n{text[-_MAX_ERROR:]}"
    logger.error("%s failed (trace %s)", run.job, run.trace_id, exc_info=error)
    # The job may have lost its connection: that is then what is recorded, over a new one.
    drop_if_unusable()
    try:
        _finish(run)
    except Error:
        # The next run of this job finds it without a process and says so.
        logger.exception("The failure of %s could not be recorded", run.job)


def _trace_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id") or uuid4().hex)[:64]


def _finish(run: Run) -> None:
    run.finished_at = timezone.now()
    run.save(update_fields=["status", "counts", "error", "finished_at"])


def _log_facts(run: Run) -> dict[str, Any]:
    facts: dict[str, Any] = {"job": run.job, "run_id": str(run.pk), "trace_id": run.trace_id}
    if run.merchant is not None:
        facts["merchant"] = run.merchant.slug
    return facts


def _try_lock(run_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_lock_number(run_id)])
        return bool(cursor.fetchone()[0])


def _unlock(run_id: UUID) -> None:
    # A session that is gone has freed its locks itself.
    with suppress(Error), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_lock_number(run_id)])


def _lock_number(run_id: UUID) -> int:
    digest = hashlib.blake2b(run_id.bytes, digest_size=8, person=b"regulars run").digest()
    return int.from_bytes(digest, signed=True)
