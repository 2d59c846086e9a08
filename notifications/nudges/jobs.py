"""What the scheduler runs of nudges (loyalty_site/schedules.py)."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job
from loyalty_site.tenants.models import Merchant
from notifications.nudges import aggregating, campaigns, dispatching

AGGREGATE = "notifications.aggregate_loyalty_nudges"
DISPATCH = "notifications.dispatch_loyalty_nudges"


@job(AGGREGATE, keep_days=14)
def aggregate(run: Run) -> dict[str, Any]:
    """Bring every merchant's nudges in line with their signals; give new merchants their campaigns first."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    campaigns.seed(at=run.as_of)
    return _everywhere(run, "aggregating nudges", partial(aggregating.aggregate, at=run.as_of))


@job(DISPATCH, keep_days=14)
def dispatch(run: Run) -> dict[str, Any]:
    """Queue the messages of nudges that are due, at every merchant."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return _everywhere(run, "dispatching nudges", partial(dispatching.dispatch, at=run.as_of))


def _everywhere(run: Run, what: str, work: Callable[..., Counter[str]]) -> dict[str, Any]:
    """Do the work merchant by merchant; what fails at one is raised when the others have had theirs."""
    counts: Counter[str] = Counter()
    failures: list[Exception] = []
    for merchant in Merchant.objects.order_by("slug"):
        try:
            counts.update(work(merchants=[merchant]))
        except Exception as error:
            error.add_note(f"while {what} of {merchant.slug}")
            failures.append(error)
    run.counts = dict(counts)
    if failures:
        raise ExceptionGroup(f"Some merchants failed while {what}", failures)
    return dict(counts)
