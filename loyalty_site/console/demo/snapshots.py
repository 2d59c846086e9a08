"""The analytics of the demo's nights, as the scheduler would have stored them."""

from datetime import timedelta

from loyalty_site.console.demo.people import Clock
from loyalty_site.tenants.models import Merchant
from referrals import snapshots

# Every night of the last weeks, and one a week before: what a chart of the year can show.
NIGHTLY, WEEKLY = 60, 7
AFTER_THE_NIGHT = timedelta(hours=1)


def capture(merchants: list[Merchant], clock: Clock) -> None:
    """Store the snapshots of the year, once the members are as old as they should be; again, they stay the same."""
    nights = clock.nights()
    for number, night in enumerate(nights, start=1):
        if len(nights) - number < NIGHTLY or number % WEEKLY == 0:
            snapshots.capture(merchants=merchants, at=night + AFTER_THE_NIGHT)
