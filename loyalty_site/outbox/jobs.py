"""What the scheduler runs for the outbox."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job
from loyalty_site.outbox import claims, relaying


@job("outbox.relay", keep_days=2)
def relay(run: Run) -> dict[str, int]:
    """Deliver what the delivery loop has left: nothing, as long as there is one."""
    report = relaying.relay(max_seconds=50)
    return {"done": report.done, "failed": report.failed, "parked": report.parked}


@job("outbox.purge", keep_days=90)
def purge(run: Run) -> dict[str, int]:
    """Delete what was delivered long ago. Parked events stay until somebody decides."""
    days = int(settings.OUTBOX_KEEP_DAYS)
    return {"purged": claims.purge(done_before=timezone.now() - timedelta(days=days))}
