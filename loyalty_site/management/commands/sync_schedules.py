from typing import Any

from loyalty_site.jobs import schedule_rows
from loyalty_site.jobs.commands import Report, ReportCommand


class Command(ReportCommand):
    help = "Make the scheduler's table hold the schedules of loyalty_site/schedules.py and no others."

    def report(self, **options: Any) -> Report:
        return schedule_rows.sync()
