import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from loyalty_site.jobs.supervisor import Supervisor
from loyalty_site.startup import refuse_without_secrets


class Command(BaseCommand):
    help = (
        "Run a worker: scheduled jobs and the delivery of news. Ends with exit code 1 where a part of it ends or "
        "hangs, so that whatever started it starts it again; SIGTERM and SIGINT stop it cleanly."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_without_secrets("the worker")
        supervisor = Supervisor(
            manage=Path(settings.BASE_DIR) / "manage.py",
            stall_seconds=settings.WORKER_STALL_SECONDS,
            stop_seconds=settings.WORKER_STOP_SECONDS,
        )
        sys.exit(supervisor.run())
