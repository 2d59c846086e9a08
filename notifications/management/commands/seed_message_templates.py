"""The default texts of messages, from their files into the database."""

from typing import Any

from loyalty_site.jobs.commands import Report, ReportCommand
from notifications.operations import templates


class Command(ReportCommand):
    """`migrate` does the same at its end; by hand it is needed after a file was edited."""

    help = "Make the default texts of messages what fixtures/notifications says. Merchants' own texts stay as they are."

    def report(self, **options: Any) -> Report:
        return templates.seed()
