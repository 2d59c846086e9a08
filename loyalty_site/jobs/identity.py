"""Which worker this process belongs to."""

import os
import socket

VARIABLE = "REGULARS_WORKER"


def worker_name() -> str:
    """The name of the `run_worker` above this process; outside one, a name of its own."""
    return os.environ.get(VARIABLE) or new_worker_name()


def new_worker_name() -> str:
    """A name for the worker that this process is."""
    return f"{socket.gethostname()}:{os.getpid()}"
