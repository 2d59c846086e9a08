"""`manage.py replay_orders`: a shop's past orders, through the operations that serve its tills."""

import json
import os
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from loyalty.models import ExpiryPolicy
from loyalty.operations.orders import InvalidAmount, money
from loyalty.replay.nights import Nights
from loyalty.replay.reading import read
from loyalty.replay.replaying import replay
from loyalty.replay.reporting import report as report_of
from loyalty.replay.rules import InvalidRules, Rules
from loyalty.replay.tables import as_tables
from loyalty_site.jobs.commands import Report, ReportCommand, time_given
from loyalty_site.refusals import Refusal

_POLICIES = [ExpiryPolicy.INACTIVITY, ExpiryPolicy.LOTS, ExpiryPolicy.NONE]


class ReportNotWritable(Refusal):
    """The report has nowhere to go."""

    code = "report_not_writable"
    status = 422


class Command(ReportCommand):
    help = (
        "Book a file of past orders and run the expiry of each of its nights, in order of time, for a merchant that "
        "is made if it is not there; then report what came of it. Run it again as often as you like: what is booked "
        "is not booked twice. See docs/runbooks/replay.md."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", help="orders, .csv or .csv.gz")
        parser.add_argument("--merchant", required=True, metavar="SLUG", help="whose orders; made if not there")
        parser.add_argument("--currency", required=True, metavar="CODE", help="of every order, such as GBP")
        parser.add_argument("--rate", default="1", help="points per unit of currency, a decimal; default: 1")
        parser.add_argument("--expiry", required=True, choices=[str(policy.value) for policy in _POLICIES])
        parser.add_argument(
            "--expire-after-days", type=int, metavar="N", help="without activity, or after each credit of its own"
        )
        parser.add_argument(
            "--stamp-min", default="5.00", metavar="AMOUNT", help="sales of this or more bring a stamp; none: no stamps"
        )
        parser.add_argument("--stamps-target", type=int, default=10, metavar="N", help="stamps on a full card")
        parser.add_argument(
            "--until", metavar="TIME", help="orders and nightly runs up to then; ISO 8601, UTC without an offset"
        )
        parser.add_argument("--report", metavar="FILE", dest="report_file", help="write the report, as JSON")
        parser.add_argument("--skip-bad-rows", action="store_true", help="list what is wrong and book the rest")

    def report(self, **options: Any) -> Report:
        rules = _rules(options)
        until = time_given(options["until"]) if options["until"] else None
        report_file = Path(options["report_file"]) if options["report_file"] else None
        if report_file:
            _must_be_writable(report_file)
        file = read(Path(options["file"]), rules, skip_bad_rows=options["skip_bad_rows"])
        with self.progress("Orders", total=_orders_until(until, [order.at for order in file.orders])) as advance:
            program = replay(file, slug=options["merchant"], rules=rules, until=until, advance=advance)
        found = report_of(file, program, rules, until=until)
        if report_file:
            _write(report_file, found)
        return found if self._json else as_tables(found)


def _rules(options: dict[str, Any]) -> Rules:
    policy = ExpiryPolicy(options["expiry"])
    return Rules(
        currency=options["currency"],
        rate=_rate(options["rate"]),
        policy=policy,
        days=None if policy == ExpiryPolicy.NONE else options["expire_after_days"],
        stamp_min=None if options["stamp_min"] == "none" else _money(options["stamp_min"]),
        stamps_target=options["stamps_target"],
    )


def _rate(text: str) -> Decimal:
    # Plain digits: Decimal() would also read "1_0", "1e3" and "NaN".
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII):
        raise InvalidRules(f"--rate: {text!r} is not a decimal from 0 to 999999.999999 with at most six places.")
    return Decimal(text)


def _money(text: str) -> Decimal:
    try:
        return money(Decimal(text))
    except (InvalidOperation, InvalidAmount) as error:
        raise InvalidRules(f"--stamp-min: {text!r} is not an amount such as 5.00, nor none.") from error


def _orders_until(until: datetime | None, moments: list[datetime]) -> int:
    if until is None:
        return len(moments)
    end = min(until, Nights(moments[0], moments[-1]).as_of)
    return sum(moment <= end for moment in moments)


def _must_be_writable(path: Path) -> None:
    """Said before the work, not after it."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ReportNotWritable(f"The report cannot be written to {path}.")


def _write(path: Path, found: Report) -> None:
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
