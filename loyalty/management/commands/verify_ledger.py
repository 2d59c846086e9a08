"""Hold every figure against the ledger."""

from itertools import islice
from typing import Any

from django.core.management.base import CommandParser

from loyalty.models import LedgerEntry, Member
from loyalty.queries import reconciliation
from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.tenants.models import Merchant

# More are counted, not listed.
_LISTED = 1000


class Command(ReportCommand):
    help = (
        "Check that balances, holds, stamps, lifetime points, numbers and lots say what the ledger's entries say. "
        "Exit code 1 where something differs."
    )
    takes_merchant = True

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--fix-cache",
            action="store_true",
            help="make the figures kept on members say what the entries say; no entry is changed",
        )

    def report(self, *, merchant: Merchant | None, fix_cache: bool, **options: Any) -> Report:
        mended = 0
        if fix_cache:
            found = reconciliation.differences(merchant)
            mended = reconciliation.mend(
                difference.member_id for difference in found if difference.check in reconciliation.MENDABLE
            )
        members, entries = Member.objects.all(), LedgerEntry.objects.all()
        if merchant is not None:
            members, entries = members.for_merchant(merchant), entries.filter(merchant_id=merchant.pk)
        differences = reconciliation.differences(merchant)
        listed = [difference.as_dict() for difference in islice(differences, _LISTED)]
        count = len(listed) + sum(1 for _ in differences)
        self.failed = count > 0
        return {
            "members": members.count(),
            "entries": entries.count(),
            **({"mended": mended} if fix_cache else {}),
            "differences": count,
            "listed": listed,
        }
