"""Do by hand what the jobs of referrals do."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from loyalty_site.jobs import runs
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.jobs.models import Run
from loyalty_site.refusals import Refusal
from referrals.operations import guardrails, invites, reviews, settling
from referrals.queries.due import due


class FutureRun(Refusal):
    """Nothing is settled ahead of its time."""

    code = "future_run"
    status = 422
    sentence = "A time in the future is possible with --dry-run only."


class Command(ReportCommand):
    """`manage.py run_referrals`: expire invites, settle rewards and close overdue reviews, as of a time."""

    help = "Expire invites, credit and take back rewards, and close overdue reviews."
    takes_as_of = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what there is to do, and do nothing")

    def report(self, *, as_of: datetime, dry_run: bool, **options: Any) -> Report:
        if dry_run:
            return due(as_of)
        if as_of > timezone.now():
            raise FutureRun
        with runs.record("referrals.run_by_hand", trigger=Run.Trigger.COMMAND, as_of=as_of) as run:
            counts = {"expired": invites.expire(at=as_of), "overrides": guardrails.note_expired(at=as_of)}
            counts |= settling.settle(at=as_of)
            counts |= {f"reviews_{name}": count for name, count in reviews.close_overdue(at=as_of).items()}
            run.counts = counts
        return counts
