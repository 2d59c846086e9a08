import logging
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand

from loyalty_site.jobs import delivery, schedule_rows
from loyalty_site.jobs.identity import worker_name
from loyalty_site.jobs.supervisor import BEAT_VARIABLE
from loyalty_site.jobs.watchdog import Watchdog, WorkerStalledError

logger = logging.getLogger(__name__)

SYNC_SECONDS = 300.0


class Command(BaseCommand):
    help = "The delivery loop of a worker, started by run_worker."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        asked: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: asked.append(received))
        wake, wakeup = os.pipe()
        for end in (wake, wakeup):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        try:
            delivery.run(stop=lambda: bool(asked), wake_fd=wake, alive=_beat_to_supervisor(), check=_check())
        except WorkerStalledError as stalled:
            logger.critical("%s The worker ends.", stalled)
            sys.exit(1)


def _beat_to_supervisor() -> Any:
    descriptor = os.environ.get(BEAT_VARIABLE)
    if descriptor is None:
        return lambda: None
    beat = int(descriptor)
    # A full pipe is a beat too.
    os.set_blocking(beat, False)

    def alive() -> None:
        with suppress(BlockingIOError):
            os.write(beat, b".")

    return alive


def _check() -> Any:
    """Watch the cluster, where there is one, and keep the schedules as the code says."""
    watchdog = Watchdog(worker_name()) if BEAT_VARIABLE in os.environ else None
    synced_at = float("-inf")

    def check() -> None:
        nonlocal synced_at
        if watchdog is not None:
            watchdog.check()
        if time.monotonic() - synced_at > SYNC_SECONDS:
            synced_at = time.monotonic()
            schedule_rows.sync()

    return check
