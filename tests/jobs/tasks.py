"""What the workers of the tests run."""

import os
import signal
import time

from loyalty_site.jobs.models import Run
from loyalty_site.jobs.scheduled import job


@job("tests.sweep")
def sweep(run: Run) -> None:
    """A task that does well."""


@job("tests.nap")
def nap(run: Run) -> None:
    """A task that takes longer than the watchdog's patience."""
    time.sleep(6)


@job("tests.deadly")
def deadly(run: Run) -> None:
    """A task that kills the process it runs in."""
    os.kill(os.getpid(), signal.SIGKILL)
