"""Whether other rules would make points expire sooner, which nobody should find out on the morning after."""

from datetime import datetime, timedelta

from loyalty.models import Program
from loyalty.operations.expiration.warning import last_run_time


def expires_sooner(stored: Program, wanted: Program) -> bool:
    """Whether some points may expire sooner under the wanted rules than under the stored ones."""
    if not wanted.is_active:
        return False
    new = {
        "inactivity": wanted.points_expiration_days if wanted.expires_by_inactivity else None,
        "lots": wanted.points_valid_days if wanted.expires_by_lots else None,
    }
    old = {
        "inactivity": stored.points_expiration_days if stored.is_active and stored.expires_by_inactivity else None,
        "lots": stored.points_valid_days if stored.is_active and stored.expires_by_lots else None,
    }
    return any(
        days is not None and (before is None or days < before)
        for days, before in zip(new.values(), old.values(), strict=True)
    )


def next_night(now: datetime) -> datetime:
    """The instant of the next nightly run."""
    return last_run_time(now) + timedelta(days=1)
