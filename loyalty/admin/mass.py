"""Mass work started from the console: a run each, small ones at once, large ones by a worker."""

from uuid import UUID

from django.utils import timezone
from django_q.tasks import async_task

from loyalty.models import Program
from loyalty.operations import expiration, undoing
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant, User

# What a person waits for: two chunks. Above it a worker does it, and the run's page shows how far it is.
AT_ONCE = 1000

EXPIRE = "loyalty.expire_points"
UNDO = "loyalty.undo_run"


def expire(program_id: UUID | str, actor_id: UUID | str, key: str) -> None:
    """Make up for the last 02:00 UTC run in the program, as a run of its merchant. The same `key` runs once.

    As of that run and not of this minute: nobody loses what they were told lasts until the next night.

    Raises `RunExists` where it has run, or is running.
    """
    program = Program.objects.select_related("merchant").get(pk=program_id)
    at = expiration.last_run_time(timezone.now())
    with runs.record(
        EXPIRE,
        trigger=Run.Trigger.ADMIN,
        merchant=program.merchant,
        actor=User.objects.filter(pk=actor_id).first(),
        key=key,
        as_of=at,
    ) as run:
        run.counts = dict(expiration.expire(programs=[program], at=at, run_id=run.pk))


def undo(run_id: UUID | str, merchant_id: UUID | str | None, actor_id: UUID | str, key: str) -> None:
    """Undo the run, at one merchant or, without one, at every one it touched. The same `key` runs once.

    Raises `RunExists`, and `NotUndoable` for a run that is itself an undo.
    """
    undone = Run.objects.get(pk=run_id)
    merchant = Merchant.objects.get(pk=merchant_id) if merchant_id else None
    actor = User.objects.filter(pk=actor_id).first()
    with runs.record(UNDO, trigger=Run.Trigger.ADMIN, merchant=merchant, actor=actor, key=key, undoes=undone) as run:
        counts = undoing.undo(
            run_id=undone.pk,
            undo_run_id=run.pk,
            at=timezone.now(),
            actor_id=actor.pk if actor else None,
            merchant_id=merchant.pk if merchant else None,
        )
        run.counts = dict(counts)
        if missing := undoing.what_was_missing(counts):
            run.status, run.error = Run.Status.PARTIAL, missing


def later(function: str, *ids: UUID | str | None) -> None:
    """Have a worker call one of the above; only ids travel."""
    async_task(f"{__name__}.{function}", *(str(each) if each is not None else None for each in ids))
