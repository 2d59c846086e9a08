"""Give points back to one card, by hand and with a reason."""

from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from loyalty.models import LedgerEntry, Member
from loyalty.operations import restores
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Merchant, User


class WhichMerchant(Refusal):
    """Card numbers are a merchant's own; two merchants have this one."""

    code = "which_merchant"
    status = 422
    sentence = "Several merchants have this card number; name one with --merchant."


class Command(ReportCommand):
    help = "Give points back to a card and restart its activity clock, with the reason in the ledger."
    takes_merchant = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("card", metavar="CARD", help="the card number")
        parser.add_argument("points", type=int, metavar="POINTS")
        parser.add_argument("--reason", required=True, help="why; it stands in the ledger")
        parser.add_argument(
            "--entry", type=UUID, metavar="ENTRY", help="the expiry to give back from, its lots re-opened"
        )
        parser.add_argument("--actor", metavar="EMAIL", help="who does it")
        parser.add_argument("--key", metavar="KEY", help="the same key restores once, however often it is run")

    def report(
        self,
        *,
        card: str,
        points: int,
        reason: str,
        entry: UUID | None,
        actor: str | None,
        key: str | None,
        merchant: Merchant | None,
        **options: Any,
    ) -> Report:
        member = _member(card, merchant)
        before = member.points_balance
        restored = restores.restore(
            member=member,
            points=points,
            reason=reason,
            actor=_user(actor),
            key=key,
            at=timezone.now(),
            entry=_entry(member, entry),
        )
        return {
            "entry": restored.pk,
            "card": member.card_number,
            "points": restored.points_delta,
            "balance_before": before,
            "balance": Member.objects.values_list("points_balance", flat=True).get(pk=member.pk),
        }


def _member(card: str, merchant: Merchant | None) -> Member:
    members = Member.objects.select_related("program", "tier").filter(card_number=card)
    if merchant is not None:
        members = members.for_merchant(merchant)
    found = list(members[:2])
    if not found:
        raise NotFound(f"There is no card {card}.")
    if len(found) > 1:
        raise WhichMerchant
    return found[0]


def _entry(member: Member, entry_id: UUID | None) -> LedgerEntry | None:
    if entry_id is None:
        return None
    entry = LedgerEntry.objects.filter(member=member, pk=entry_id).first()
    if entry is None:
        raise NotFound(f"This card has no entry {entry_id}.")
    return entry


def _user(email: str | None) -> User | None:
    if email is None:
        return None
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no user {email}.", returncode=2)
    return user
