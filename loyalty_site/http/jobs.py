"""What the scheduler runs for the doors."""

from datetime import timedelta

from django.utils import timezone

from loyalty_site.http import credentials, idempotency
from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job


@job("http.purge", keep_days=30)
def purge(run: Run) -> dict[str, int]:
    """Delete answers nobody will ask for any more, and the counts of past minutes."""
    return {
        "answers": idempotency.purge(),
        "windows": credentials.purge(before=timezone.now() - timedelta(minutes=10)),
    }
