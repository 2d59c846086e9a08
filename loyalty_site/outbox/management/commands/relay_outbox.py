import time
from typing import Any

from django.core.management.base import CommandParser

from loyalty_site.jobs.commands import Report, ReportCommand
from loyalty_site.outbox import claims, relaying
from loyalty_site.outbox.models import OutboxEvent


class Command(ReportCommand):
    help = "Deliver the news that is ready, until nothing is; a worker does so all the time."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="deliver for at most a second, then report")
        parser.add_argument(
            "--requeue-parked", action="store_true", help="first give parked events all their attempts again"
        )

    def report(self, *, once: bool, requeue_parked: bool, **options: Any) -> Report:
        requeued = claims.requeue_parked() if requeue_parked else 0
        started = time.monotonic()
        relayed = relaying.relay(max_seconds=1.0 if once else None)
        events = OutboxEvent.objects
        return {
            "requeued": requeued,
            "done": relayed.done,
            "failed": relayed.failed,
            "parked": relayed.parked,
            "seconds": round(time.monotonic() - started, 2),
            "still pending": events.filter(status=OutboxEvent.Status.PENDING).count(),
            "parked in all": events.filter(status=OutboxEvent.Status.PARKED).count(),
        }
