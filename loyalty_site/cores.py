"""As `loyalty_site.web`, with a core for each web process, on Linux: `--config=python:loyalty_site.cores`.

The threads of one interpreter run in turn. Spread over the cores they wake each other across them, and find nothing of
what they need in the caches there. For a machine that serves nothing else: processes that do not know of each other,
as several containers on one machine, would choose the same cores (docs/deploy/systemd.md).
"""

import os
from collections import Counter
from typing import Any

from loyalty_site.web import *  # noqa: F403 (gunicorn takes its settings from here)


def pre_fork(server: Any, worker: Any) -> None:
    """Choose a core that the fewest of the others have; gunicorn calls this in the process that starts them."""
    # Those from before a reload that brought this here have none.
    taken = Counter(getattr(other, "core", None) for other in server.WORKERS.values())
    worker.core = min(sorted(os.sched_getaffinity(0)), key=taken.__getitem__)


def post_fork(server: Any, worker: Any) -> None:
    """Stay on that core, with every thread that is to come; gunicorn calls this in the new process."""
    os.sched_setaffinity(0, {worker.core})
