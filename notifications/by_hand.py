"""What the commands of a job over merchants share: whose, as of when, in what chunks, and whether for real."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from loyalty.background import FutureRun
from loyalty_site.jobs import runs
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant


class JobCommand(ReportCommand):
    """A job, run by hand: as a `Run` of the job's name, or with --dry-run as a report alone."""

    takes_merchant = True
    takes_as_of = True
    job: ClassVar[str]
    chunk: ClassVar[int]
    work: Callable[..., Counter[str]]

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what a run would do, and do nothing")
        parser.add_argument("--chunk", type=int, default=self.chunk, help=f"members a transaction ({self.chunk})")

    def report(
        self, *, merchant: Merchant | None, as_of: datetime, dry_run: bool, chunk: int, **options: Any
    ) -> Report:
        if not 10 <= chunk <= 10_000:
            raise CommandError("--chunk must be from 10 to 10,000.", returncode=2)
        if as_of > timezone.now() and not dry_run:
            raise FutureRun("A run as of a time in the future can only be previewed.")
        merchants = [merchant] if merchant is not None else list(Merchant.objects.order_by("slug"))
        work = type(self).work
        if dry_run:
            counts = work(merchants=merchants, at=as_of, chunk=chunk, dry_run=True)
            return {"dry_run": True, "as_of": as_of, **counts}
        with (
            self.progress("Members", total=None) as told,
            runs.record(self.job, trigger=Run.Trigger.COMMAND, merchant=merchant, as_of=as_of) as run,
        ):
            run.counts = dict(work(merchants=merchants, at=as_of, chunk=chunk, told=told))
        return {"run": run.pk, "as_of": as_of, **run.counts}
