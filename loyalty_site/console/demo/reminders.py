"""What the demo's members are reminded of today, so that there are nudges and mail to look at from the first minute."""

from collections.abc import Sequence

from loyalty_site.console.demo.people import Clock
from loyalty_site.tenants.models import Merchant
from notifications.nudges import aggregating, campaigns, dispatching


def remind(merchants: Sequence[Merchant], clock: Clock) -> None:
    """Do once what the scheduler does every ten minutes; the worker sends the messages. Again, it queues none."""
    campaigns.seed(at=clock.now)
    aggregating.aggregate(merchants=merchants, at=clock.now)
    dispatching.dispatch(merchants=merchants, at=clock.now)
