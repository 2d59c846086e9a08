"""Capture the analytics snapshot by hand: the catch-up, or for one merchant."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from loyalty.background import FutureRun
from loyalty_site.jobs import runs
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant
from referrals import snapshots
from referrals.queries import segments

JOB = "loyalty.capture_loyalty_analytics_snapshot"


class Command(ReportCommand):
    help = (
        "Store each merchant's analytics of a day: segments of members and what they did in 30 days. A day that has "
        "its snapshot is brought up to date; it never becomes two."
    )
    takes_merchant = True
    takes_as_of = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be stored, and store nothing")

    def report(self, *, merchant: Merchant | None, as_of: datetime, dry_run: bool, **options: Any) -> Report:
        if as_of > timezone.now() and not dry_run:
            raise FutureRun
        merchants = Merchant.objects.filter(is_active=True).order_by("slug")
        if merchant is not None:
            merchants = merchants.filter(pk=merchant.pk)
        if dry_run:
            return {
                "dry_run": True,
                "as_of": as_of,
                "segments": [row for each in merchants for row in _rows(each, as_of)],
            }
        with (
            self.progress("Merchants", total=merchants.count()) as told,
            runs.record(JOB, trigger=Run.Trigger.COMMAND, merchant=merchant, as_of=as_of) as run,
        ):
            run.counts = dict(snapshots.capture(merchants=merchants, at=as_of, told=told))
        return {"run": run.pk, "as_of": as_of, **run.counts}


def _rows(merchant: Merchant, at: datetime) -> list[dict[str, Any]]:
    return [{"merchant": merchant.slug, **row} for row in segments.measured(merchant, at).rows()]
