"""What the scheduler runs for webhooks."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job
from notifications.webhooks import claims, sending


@job("webhooks.send", keep_days=2)
def send(run: Run) -> dict[str, int]:
    """Post what the delivery loop has left: nothing, as long as there is one."""
    # Not long: endpoints that do not answer would keep a worker of the scheduler's.
    sent = sending.send(max_seconds=10)
    return {"delivered": sent.delivered, "failed": sent.failed}


@job("webhooks.purge", keep_days=30)
def purge(run: Run) -> dict[str, int]:
    """Delete deliveries of long ago, whatever became of them."""
    return {"purged": claims.purge(created_before=timezone.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS))}
