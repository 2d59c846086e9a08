import time
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from loyalty.background import FutureRun
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.tenants.models import Merchant
from notifications import dispatch
from notifications.models import Circuit, Message


class Command(ReportCommand):
    help = (
        "Send the messages that are due, until none is; a worker does so all the time. Exit codes: 0 done, "
        "1 a provider does not answer, 2 refused."
    )
    takes_merchant = True
    takes_as_of = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count what is due, and send nothing")
        parser.add_argument(
            "--now", action="store_true", help="first have channels tried again whose provider did not answer"
        )

    def report(self, *, merchant: Merchant | None, as_of: datetime, dry_run: bool, now: bool, **options: Any) -> Report:
        """Send what was due at `as_of`. Leases and retries go by the clock, and what came due later waits."""
        at = timezone.now()
        if as_of > at and not dry_run:
            raise FutureRun("A run as of a time in the future can only be previewed.")
        waiting = Message.objects.filter(status__in=Message.WAITING)
        if merchant is not None:
            waiting = waiting.filter(merchant=merchant)
        if dry_run:
            return {"due": waiting.filter(next_attempt_at__lte=as_of).count(), "waiting in all": waiting.count()}
        if now:
            Circuit.objects.filter(failures__gt=0).update(open_until=at)
        # Without a time of somebody's choosing what comes due meanwhile goes too.
        due = as_of if self.as_of_given else None
        started = time.monotonic()
        report = dispatch.dispatch(merchant_id=merchant.pk if merchant is not None else None, due=due)
        self.failed = bool(report.down)
        shut = Circuit.objects.filter(failures__gt=0).order_by("channel")
        return {
            **report.as_counts(),
            "seconds": round(time.monotonic() - started, 2),
            "still waiting": waiting.count(),
            "channels whose provider does not answer": [
                {"channel": each.channel, "tried again": each.open_until, "reason": each.reason} for each in shut
            ],
        }
