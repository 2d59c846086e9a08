"""What the scheduler runs (loyalty_site/schedules.py)."""

from typing import Any

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job
from loyalty_site.tenants.models import Merchant
from referrals import snapshots
from referrals.operations import devices, guardrails, invites, reviews, settling


@job("referrals.expire_invites")
def expire_invites(run: Run) -> dict[str, int]:
    """Mark invites whose time is over, and note overrides that have expired."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return {"invites": invites.expire(at=run.as_of), "overrides": guardrails.note_expired(at=run.as_of)}


@job("referrals.settle_rewards", keep_days=2)
def settle_rewards(run: Run) -> dict[str, int]:
    """Credit rewards whose time has come, and take back those of returned orders."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return dict(settling.settle(at=run.as_of))


@job("referrals.close_reviews", keep_days=90)
def close_reviews(run: Run) -> dict[str, int]:
    """Decide reviews that nobody has decided in time, as each program says."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return dict(reviews.close_overdue(at=run.as_of))


@job("referrals.forget_devices", keep_days=90)
def forget_devices(run: Run) -> dict[str, int]:
    """Delete keyed hashes of devices that were last seen 90 days ago."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return {"traces": devices.forget_old(at=run.as_of)}


@job("loyalty.capture_loyalty_analytics_snapshot", once_an_instant=True)
def capture_snapshot(run: Run) -> dict[str, Any]:
    """Store the day's snapshot of every merchant, as of the scheduled instant."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    merchants = Merchant.objects.filter(is_active=True).order_by("pk")
    return dict(snapshots.capture(merchants=merchants, at=run.as_of))


@job("referrals.count_figures", keep_days=90)
def count_figures(run: Run) -> dict[str, int]:
    """Count what pages show of merchants with very many members, after the night's snapshot."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return dict(snapshots.count_figures(at=run.as_of))
