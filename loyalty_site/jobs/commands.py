"""What every command of an operator has in common: one report, three exit codes.

    class Command(ReportCommand):
        def report(self, *, merchant, as_of, **options):
            with self.progress("Members", total=1000) as advance:
                ...
                advance(100)
            return {"members": 12, "points": 340}

0: done. 1: failed (the exception goes on, with its traceback under --traceback). 2: refused, or asked wrongly.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any, ClassVar, Literal
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Merchant

Report = Mapping[str, Any]


class ReportCommand(BaseCommand):
    """A command that returns a report: names and values, where a value may be a list of rows (mappings)."""

    takes_merchant: ClassVar[bool] = False
    takes_as_of: ClassVar[bool] = False
    # Exit code of a report, for a command whose finding is a failure: verify_ledger with something found.
    failed: bool = False
    # Whether somebody chose the time, where `as_of` might as well be now.
    as_of_given: bool = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["table", "json"], default="table", help="json is for machines")
        if self.takes_merchant:
            parser.add_argument("--merchant", metavar="SLUG", help="this merchant only")
        if self.takes_as_of:
            parser.add_argument(
                "--as-of",
                metavar="TIME",
                help="ISO 8601, UTC where it has no offset; default: now",
            )

    def report(self, *args: Any, **options: Any) -> Report:
        """Do the work and say what was done. Raise a `Refusal` for a no."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        self._json = options["format"] == "json"
        try:
            if self.takes_merchant:
                options["merchant"] = merchant_named(options["merchant"])
            if self.takes_as_of:
                self.as_of_given = bool(options["as_of"])
                options["as_of"] = time_given(options["as_of"]) if options["as_of"] else timezone.now()
            report = self.report(**options)
        except Refusal as refusal:
            self._refuse(refusal)
        else:
            self._print(report)
            if self.failed:
                sys.exit(1)

    @contextmanager
    def progress(self, title: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A progress bar on stderr, on a terminal only. Call what it yields with each step's size."""
        console = Console(file=sys.stderr)
        if self._json or not console.is_terminal:
            yield lambda _steps: None
            return
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda steps: bar.update(task, advance=steps)

    def _refuse(self, refusal: Refusal) -> None:
        if self._json:
            self.stderr.write(json.dumps({"code": refusal.code, "detail": refusal.detail}), style_func=str)
        else:
            self.stderr.write(refusal.detail)
        sys.exit(2)

    def _print(self, report: Report) -> None:
        if self._json:
            self.stdout.write(json.dumps(report, default=_plain, ensure_ascii=False))
            return
        width = shutil.get_terminal_size().columns if self.stdout.isatty() else 120
        text = StringIO()
        console = Console(file=text, width=width)
        facts = [[name, value] for name, value in report.items() if not _is_rows(value)]
        if facts:
            console.print(_table(["", ""], facts))
        for name, rows in report.items():
            if _is_rows(rows) and rows:
                columns = list(rows[0])
                console.print(f"\n{name}", markup=False)
                console.print(_table(columns, [[row.get(each) for each in columns] for row in rows]))
        self.stdout.write(text.getvalue(), ending="")


def merchant_named(slug: str | None) -> Merchant | None:
    """The merchant of that slug; None for none given. Raises `NotFound`."""
    if not slug:
        return None
    merchant = Merchant.objects.filter(slug=slug).first()
    if merchant is None:
        raise NotFound(f"There is no merchant {slug!r}.")
    return merchant


def time_given(text: str) -> datetime:
    """The time in ISO 8601; UTC where it has no offset, midnight where it is a date. Raises `Refusal`."""
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)) is not None:
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001
    except ValueError:
        moment = None
    if moment is None:
        raise BadTime(f"{text!r} is not a time in ISO 8601, such as 2026-03-01T02:00:00+00:00.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class BadTime(Refusal):
    """Not a time we can read."""

    code = "bad_time"
    status = 422


def _is_rows(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(row, Mapping) for row in value)


def _table(columns: list[str], rows: list[list[Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text and not str: a name may hold brackets, which rich takes for markup.
        table.add_row(*(Text(_shown(value), justify=_side(value)) for value in row))
    return table


def _side(value: Any) -> Literal["left", "right"]:
    return "right" if isinstance(value, int | Decimal) and not isinstance(value, bool) else "left"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    raise TypeError(f"A report cannot hold a {type(value).__name__}.")
