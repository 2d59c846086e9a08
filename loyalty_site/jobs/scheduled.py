"""`@job`: what the scheduler runs."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.utils import timezone

from loyalty_site.jobs import runs
from loyalty_site.jobs.instants import scheduled_instant
from loyalty_site.jobs.models import Run
from loyalty_site.schedules import SCHEDULES

logger = logging.getLogger(__name__)

Body = Callable[[Run], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Job:
    """What is known of a job by its name. `keep_days`: how long its successful runs are kept; None is for ever."""

    name: str
    keep_days: int | None


registry: dict[str, Job] = {}


def job(
    name: str, *, once_an_instant: bool = False, keep_days: int | None = None
) -> Callable[[Body], Callable[[], None]]:
    """Make the decorated function a job for the scheduler: each call is a `Run`, given to it.

    `run.as_of` is the instant the job was scheduled for, however late it starts; where the name is not in
    `SCHEDULES` it is now. What the function returns becomes the run's counts; what it raises fails the run and goes
    on, so that the scheduler knows of it too. With `once_an_instant` the run is keyed by its instant: a second call
    for an instant that has succeeded, or that another worker is at, does nothing.
    """

    def decorate(body: Body) -> Callable[[], None]:
        registry[name] = Job(name, keep_days)

        @wraps(body)
        def run_job() -> None:
            now = timezone.now()
            as_of = scheduled_instant(SCHEDULES[name][1], now) if name in SCHEDULES else now
            key = f"{as_of:%Y-%m-%dT%H:%MZ}" if once_an_instant else ""
            try:
                with runs.record(name, trigger=Run.Trigger.SCHEDULE, as_of=as_of, key=key) as run:
                    counts = body(run)
                    if counts is not None:
                        run.counts = dict(counts)
            except runs.RunExists:
                logger.info("%s has run for %s already.", name, key)

        return run_job

    return decorate
