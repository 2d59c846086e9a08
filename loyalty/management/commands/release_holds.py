"""Release holds that nobody closed."""

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from loyalty.models import Program
from loyalty.operations import redemptions
from loyalty_site.jobs import runs
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant


class Command(ReportCommand):
    help = "Cancel redemptions that have been open longer than their program lets them, and free the points they hold."
    takes_merchant = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--older-than", type=float, metavar="DAYS", help="instead of each program's own days")

    def report(self, *, merchant: Merchant | None, older_than: float | None, **options: Any) -> Report:
        if older_than is not None and not 0 <= older_than <= 36_500:
            raise CommandError("--older-than must be from 0 to 36,500 days.", returncode=2)
        programs = Program.objects.order_by("pk")
        if merchant is not None:
            programs = programs.filter(merchant=merchant)
        at = timezone.now()
        with runs.record("loyalty.release_holds", trigger=Run.Trigger.COMMAND, merchant=merchant, as_of=at) as run:
            counts = redemptions.release_stale(
                programs=programs, at=at, older_than=timedelta(days=older_than) if older_than is not None else None
            )
            run.counts = dict(counts)
        return {"run": run.pk, **counts}
