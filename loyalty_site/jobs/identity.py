"""Which worker this process belongs to, and how often it shows that it lives."""

import os
import socket

from django.conf import settings

VARIABLE = "REGULARS_WORKER"


def worker_name() -> str:
    """The name of the `run_worker` above this process; outside one, a name of its own."""
    return os.environ.get(VARIABLE) or new_worker_name()


def new_worker_name() -> str:
    """A name for the worker that this process is."""
    return f"{socket.gethostname()}:{os.getpid()}"


def watch_seconds() -> float:
    """The time between two signs of life, and between two looks at them: well below what counts as a stall."""
    return min(5.0, settings.WORKER_STALL_SECONDS / 4)
