"""What the scheduler runs for messages."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job
from notifications import dispatch, greetings, tracking
from notifications.merchants import everywhere
from notifications.nudges import purging as nudges
from notifications.operations import purging

GREET = "notifications.send_greetings"


@job("notifications.send_messages", keep_days=2)
def send_messages(run: Run) -> dict[str, int]:
    """Send what the delivery loop has left: nothing, as long as there is one."""
    report = dispatch.dispatch(max_seconds=50)
    if report.down:
        run.status = Run.Status.PARTIAL
        run.error = f"The provider does not answer: {', '.join(report.down)}."
    return report.as_counts()


@job(GREET, keep_days=90)
def send_greetings(run: Run) -> dict[str, Any]:
    """Queue the messages on birthdays and after an absence, at every merchant that wants them."""
    assert run.as_of is not None  # noqa: S101 (`job` sets it)
    return everywhere(run, "greeting members", partial(greetings.greet, at=run.as_of))


@job("notifications.purge", keep_days=90)
def purge(run: Run) -> dict[str, int]:
    """Delete messages and nudges that ended long ago, with the attempts to send them."""
    at, keep = timezone.now(), timedelta(days=int(settings.MESSAGES_KEEP_DAYS))
    purged = purging.purge(finished_before=at - keep)
    tracking.purge(at=at)
    return {"purged": purged, **nudges.purge(at=at, keep=keep)}
