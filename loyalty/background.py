"""Mass work that staff ask for: a run each, queued in the transaction of the asking and done by a worker."""

from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django_q.tasks import async_task

from loyalty.models import Program
from loyalty.operations import expiration, progression, undoing
from loyalty_site import outbox
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant, User

EXPIRE = "loyalty.expire_points"
UNDO = "loyalty.undo_run"
RETIER = "loyalty.retier_members"
PROGRESS = "loyalty.run_loyalty_progression"

# Jobs that work for every merchant at once: each sees, and may undo, its own part.
SHARED = (EXPIRE, PROGRESS)

# The fields whose change may put members into another tier.
RETIERS_PROGRAM = frozenset({"tier_basis", "is_active"})
RETIERS_TIER = frozenset({"point_threshold", "multiplier", "is_active"})


class FutureRun(Refusal):
    """Nothing is expired ahead of its time."""

    code = "future_run"
    status = 422
    sentence = "A run as of a time in the future can only be previewed."


class RunUnderWay(Refusal):
    """A run is undone when it has ended."""

    code = "run_under_way"
    sentence = "This run has not ended yet."


def ask_for_expiry(*, merchant: Merchant, actor: User, as_of: datetime, at: datetime) -> Run:
    """Queue an expiry of the merchant's points as of then. Raises `FutureRun`."""
    if as_of > at:
        raise FutureRun
    run = runs.queue(EXPIRE, trigger=Run.Trigger.ADMIN, merchant=merchant, actor=actor, as_of=as_of)
    async_task(f"{__name__}.expire", str(run.pk))
    return run


def ask_for_undo(*, run: Run, merchant: Merchant | None, actor: User) -> Run:
    """Queue the undoing of a run, at one merchant or at every one. Raises `RunUnderWay`, `NotUndoable`."""
    if run.status in (Run.Status.QUEUED, Run.Status.RUNNING):
        raise RunUnderWay
    if run.job == UNDO:
        raise undoing.NotUndoable("An undo is not undone; what it gave back, the next run may take again.")
    undo_run = runs.queue(UNDO, trigger=Run.Trigger.ADMIN, merchant=merchant, actor=actor, undoes=run)
    async_task(f"{__name__}.undo", str(undo_run.pk))
    return undo_run


def ask_for_retiering(*, program: Program, actor: User | None, at: datetime) -> Run | None:
    """Queue the raising of members after the program's tiers have changed; None where the program is switched off.

    In the transaction of the change, so that a worker sees the tiers as they are then.
    """
    if not program.is_active:
        return None
    run = runs.queued(RETIER, trigger=Run.Trigger.ADMIN, merchant=program.merchant, actor=actor, as_of=at)
    outbox.insert_alongside(run)
    async_task(f"{__name__}.retier", str(run.pk))
    return run


def expire(run_id: str) -> None:
    """Do a queued expiry; called by a worker. Done once, however often it is called."""
    try:
        with runs.take(UUID(run_id)) as run:
            assert run.as_of is not None  # noqa: S101 (`ask_for_expiry` gives it)
            programs = Program.objects.filter(is_active=True, merchant=run.merchant).select_related("merchant")
            run.counts = dict(expiration.expire(programs=programs, at=run.as_of, run_id=run.pk))
    except runs.RunExists:
        return


def undo(run_id: str) -> None:
    """Do a queued undoing; called by a worker. Done once, however often it is called."""
    try:
        with runs.take(UUID(run_id)) as run:
            assert run.undoes_id is not None  # noqa: S101 (`ask_for_undo` gives it)
            counts = undoing.undo(
                run_id=run.undoes_id,
                undo_run_id=run.pk,
                at=timezone.now(),
                actor_id=run.actor_id,
                merchant_id=run.merchant_id,
            )
            run.counts = dict(counts)
            if counts["shortfall"]:
                run.status = Run.Status.PARTIAL
                run.error = f"{counts['shortfall']} points had been spent already and were not taken back."
    except runs.RunExists:
        return


def retier(run_id: str) -> None:
    """Do a queued raising; called by a worker. Done once, however often it is called."""
    try:
        with runs.take(UUID(run_id)) as run:
            assert run.as_of is not None  # noqa: S101 (`ask_for_retiering` gives it)
            programs = Program.objects.filter(is_active=True, merchant=run.merchant).select_related("merchant")
            run.counts = dict(progression.retier(programs=programs, at=run.as_of, run_id=run.pk))
    except runs.RunExists:
        return
