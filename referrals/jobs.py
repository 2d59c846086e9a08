"""What the scheduler runs (loyalty_site/schedules.py)."""

from typing import Any

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job
from loyalty_site.tenants.models import Merchant
from referrals import snapshots


@job("loyalty.capture_loyalty_analytics_snapshot", once_an_instant=True)
def capture_snapshot(run: Run) -> dict[str, Any]:
    """Store the day's snapshot of every merchant, as of the scheduled instant."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    merchants = Merchant.objects.filter(is_active=True).order_by("pk")
    return dict(snapshots.capture(merchants=merchants, at=run.as_of))
