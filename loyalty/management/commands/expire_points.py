"""Expire points by hand: the night's run, again or for one merchant."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from loyalty.background import FutureRun
from loyalty.models import Program
from loyalty.operations import expiration
from loyalty_site.jobs import runs
from loyalty_site.jobs.commands import Report, ReportCommand, time_given
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant


class Command(ReportCommand):
    help = (
        "Expire points that are due and warn of those that soon will be. Running it again takes only what is left. "
        "Without --as-of it does what the last 02:00 UTC run should have done."
    )
    takes_merchant = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--as-of", metavar="TIME", help="ISO 8601, UTC where it has no offset; default: the last 02:00 UTC"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what a run would do, and do nothing")
        parser.add_argument("--chunk", type=int, default=expiration.CHUNK, help="members a transaction (default 500)")

    def report(
        self, *, merchant: Merchant | None, as_of: str | None, dry_run: bool, chunk: int, **options: Any
    ) -> Report:
        if not 1 <= chunk <= 10_000:
            raise CommandError("--chunk must be from 1 to 10,000.", returncode=2)
        now = timezone.now()
        at = time_given(as_of) if as_of else expiration.last_run_time(now)
        if at > now and not dry_run:
            raise FutureRun
        programs = Program.objects.filter(is_active=True).select_related("merchant").order_by("merchant__slug")
        if merchant is not None:
            programs = programs.filter(merchant=merchant)
        if dry_run:
            return self._preview(list(programs), at)
        with (
            self.progress("Members", total=None) as advance,
            runs.record("loyalty.expire_points", trigger=Run.Trigger.COMMAND, merchant=merchant, as_of=at) as run,
        ):
            counts = expiration.expire(programs=programs, at=at, run_id=run.pk, chunk=chunk, progress=_Bar(advance))
            run.counts = dict(counts)
        return {"run": run.pk, "as_of": at, **counts}

    def _preview(self, programs: list[Program], at: datetime) -> Report:
        previews = {program.merchant.slug: expiration.preview(program, at) for program in programs}
        total: Counter[str] = Counter()
        for preview in previews.values():
            for name in ("members", "points", "lots", "warned", "unwarned", "to_warn"):
                total[name] += getattr(preview, name)
        return {
            "dry_run": True,
            "as_of": at,
            "programs": len(programs),
            **{name: total[name] for name in ("members", "points", "lots", "warned", "unwarned", "to_warn")},
            "by_tier": [
                {
                    "merchant": slug,
                    "tier": tier.tier,
                    "members": tier.members,
                    "points": tier.points,
                    "unwarned": tier.unwarned,
                }
                for slug, preview in previews.items()
                for tier in preview.tiers
            ],
        }


class _Bar(expiration.Progress):
    """Moves the command's bar by the members of each chunk."""

    def __init__(self, advance: Any) -> None:
        self._advance = advance

    def advance(self, counts: Counter[str]) -> None:
        self._advance(counts["members"] + counts["warned"])
