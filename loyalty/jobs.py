"""What the scheduler runs (loyalty_site/schedules.py)."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from loyalty.models import Program
from loyalty.operations import expiration, progression, redemptions
from loyalty.queries import reconciliation
from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job


class LedgerDriftError(Exception):
    """The books do not balance. `manage.py verify_ledger` lists every difference."""


@job("loyalty.expire_points", once_an_instant=True)
def expire_points(run: Run) -> dict[str, Any]:
    """Expire and warn at every merchant, as of the scheduled instant.

    One program that fails does not keep the others from their night; the run fails all the same, at the end.
    """
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return _everywhere(run, "expiring points", partial(expiration.expire, at=run.as_of, run_id=run.pk))


@job("loyalty.run_loyalty_progression", once_an_instant=True)
def run_loyalty_progression(run: Run) -> dict[str, Any]:
    """Post the streak bonuses that are owed and move members between tiers, as of the scheduled instant."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return _everywhere(run, "advancing members", partial(progression.advance, at=run.as_of, run_id=run.pk))


def _everywhere(run: Run, what: str, work: Callable[..., Counter[str]]) -> dict[str, Any]:
    """Do the work program by program; what fails in one is raised when the others have had theirs."""
    counts: Counter[str] = Counter()
    failures: list[Exception] = []
    for program in Program.objects.filter(is_active=True).select_related("merchant").order_by("pk"):
        try:
            counts.update(work(programs=[program]))
        except Exception as error:
            error.add_note(f"while {what} of {program.merchant.slug}")
            failures.append(error)
    run.counts = dict(counts)
    if failures:
        raise ExceptionGroup(f"Some programs failed while {what}", failures)
    return dict(counts)


@job("loyalty.release_holds", keep_days=90)
def release_holds(run: Run) -> dict[str, Any]:
    """Release holds that their programs do not let stand any longer."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    programs = Program.objects.order_by("pk")
    return dict(redemptions.release_stale(programs=programs, at=run.as_of))


@job("loyalty.reconcile")
def reconcile(run: Run) -> dict[str, Any]:
    """Hold every figure against the ledger; a difference fails the run, and names the first few members."""
    differences = list(islice(reconciliation.differences(), 20))
    run.counts = {"differences": len(differences)}
    if differences:
        raise LedgerDriftError(f"The ledger disagrees with what is kept beside it: {differences}")
    return run.counts
