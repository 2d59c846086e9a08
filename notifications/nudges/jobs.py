"""What the scheduler runs of nudges (loyalty_site/schedules.py)."""

from functools import partial
from typing import Any

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job
from notifications.merchants import everywhere
from notifications.nudges import aggregating, campaigns, dispatching

AGGREGATE = "notifications.aggregate_loyalty_nudges"
DISPATCH = "notifications.dispatch_loyalty_nudges"


@job(AGGREGATE, keep_days=14)
def aggregate(run: Run) -> dict[str, Any]:
    """Bring every merchant's nudges in line with their signals; give new merchants their campaigns first."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    campaigns.seed(at=run.as_of)
    return everywhere(run, "aggregating nudges", partial(aggregating.aggregate, at=run.as_of))


@job(DISPATCH, keep_days=14)
def dispatch(run: Run) -> dict[str, Any]:
    """Queue the messages of nudges that are due, at every merchant."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return everywhere(run, "dispatching nudges", partial(dispatching.dispatch, at=run.as_of))
