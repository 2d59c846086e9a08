"""What the scheduler runs (loyalty_site/schedules.py)."""

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job
from loyalty_site.storefront.join import requests


@job("storefront.forget_join_requests", keep_days=90)
def forget_join_requests(run: Run) -> dict[str, int]:
    """Delete what people who wanted to join wrote, and never confirmed."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return {"requests": requests.forget_old(at=run.as_of)}
