"""The instants of a schedule."""

from datetime import UTC, datetime

from croniter import croniter


def scheduled_instant(cron: str, now: datetime) -> datetime:
    """The latest instant of the cron expression (UTC) that is not after `now`.

    A daily run that starts an hour late still is the run of its hour, so everything it decides is as of then.
    """
    moment = now.astimezone(UTC)
    if croniter.match(cron, moment):
        return moment.replace(second=0, microsecond=0)
    instant: datetime = croniter(cron, moment).get_prev(datetime)
    return instant


def next_instant(cron: str, now: datetime) -> datetime:
    """The first instant of the cron expression (UTC) after `now`."""
    instant: datetime = croniter(cron, now.astimezone(UTC)).get_next(datetime)
    return instant
