"""Undo what a run did to balances."""

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from loyalty.models import Member
from loyalty.operations import undoing
from loyalty_site.jobs import runs
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.jobs.models import Run
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Merchant


class Command(ReportCommand):
    help = (
        "Answer every entry of a run with another one that undoes it. Doing it twice moves nothing the second time. "
        "Unless the policy is mended, the next night takes again what an undone expiry gave back."
    )
    takes_merchant = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("run", type=UUID, metavar="RUN", help="the id of the run")
        parser.add_argument("--member", metavar="CARD", help="this card only; needs --merchant")
        parser.add_argument("--dry-run", action="store_true", help="say what would be undone, and do nothing")

    def report(
        self, *, run: UUID, merchant: Merchant | None, member: str | None, dry_run: bool, **options: Any
    ) -> Report:
        original = Run.objects.filter(pk=run).first()
        if original is None:
            raise NotFound(f"There is no run {run}.")
        member_id = _member(merchant, member) if member else None
        scope: dict[str, Any] = {"merchant_id": merchant.pk if merchant else None, "member_id": member_id}
        left = undoing.undoable(run_id=original.pk, **scope)
        if dry_run:
            return {
                "dry_run": True,
                "run": original.pk,
                "job": original.job,
                "entries": left.entries,
                "members": left.members,
                "points_given_back": left.given_back,
                "points_taken_back": left.taken_back,
                "already_undone": left.undone_before,
            }
        with (
            self.progress("Entries", total=left.entries) as advance,
            runs.record(
                "loyalty.undo_run", trigger=Run.Trigger.COMMAND, merchant=merchant, undoes=original
            ) as undo_run,
        ):
            counts = undoing.undo(
                run_id=original.pk, undo_run_id=undo_run.pk, at=timezone.now(), advance=advance, **scope
            )
            undo_run.counts = dict(counts)
            if missing := undoing.what_was_missing(counts):
                undo_run.status, undo_run.error = Run.Status.PARTIAL, missing
        return {
            "run": undo_run.pk,
            "undoes": original.pk,
            "status": undo_run.status,
            **counts,
            "note": _note(original, counts["entries"]),
        }


def _note(original: Run, moved: int) -> str:
    if not moved:
        return "There was nothing left to undo."
    if original.job == "loyalty.expire_points":
        return "Unless the program's expiry is changed, the next night takes these points again."
    if original.job == "loyalty.replay_expiry":
        return "The next replay of this merchant takes these points again."
    return ""


def _member(merchant: Merchant | None, card_number: str) -> UUID:
    if merchant is None:
        raise CommandError("--member needs --merchant: card numbers are a merchant's own.", returncode=2)
    member = Member.objects.for_merchant(merchant).filter(card_number=card_number).first()
    if member is None:
        raise NotFound(f"{merchant.slug} has no card {card_number}.")
    return member.pk
