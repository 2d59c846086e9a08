"""Run the hourly progression by hand: the catch-up, or for one merchant."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from loyalty.background import FutureRun
from loyalty.models import Program
from loyalty.operations import progression
from loyalty.operations.walking import CHUNK
from loyalty_site.jobs import runs
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant


class Command(ReportCommand):
    help = (
        "Post the streak bonuses that are owed, and raise, warn and lower members by the points of their tiers. "
        "Running it again does only what is left."
    )
    takes_merchant = True
    takes_as_of = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what a run would do, and do nothing")
        parser.add_argument("--chunk", type=int, default=CHUNK, help="members a transaction (default 500)")

    def report(
        self, *, merchant: Merchant | None, as_of: datetime, dry_run: bool, chunk: int, **options: Any
    ) -> Report:
        if not 1 <= chunk <= 10_000:
            raise CommandError("--chunk must be from 1 to 10,000.", returncode=2)
        if as_of > timezone.now() and not dry_run:
            raise FutureRun
        programs = Program.objects.filter(is_active=True).select_related("merchant").order_by("merchant__slug")
        if merchant is not None:
            programs = programs.filter(merchant=merchant)
        if dry_run:
            return {"dry_run": True, "as_of": as_of, **progression.preview(programs=programs, at=as_of)}
        job = "loyalty.run_loyalty_progression"
        with (
            self.progress("Members", total=None) as told,
            runs.record(job, trigger=Run.Trigger.COMMAND, merchant=merchant, as_of=as_of) as run,
        ):
            counts = progression.advance(programs=programs, at=as_of, run_id=run.pk, chunk=chunk, told=told)
            run.counts = dict(counts)
        return {"run": run.pk, "as_of": as_of, **run.counts}
