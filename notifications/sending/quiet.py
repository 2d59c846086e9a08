"""Quiet hours, by the clock on the member's wall."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def quiet_until(at: datetime, *, zone: ZoneInfo, begin: time, end: time) -> datetime | None:
    """When the quiet hours end in which `at` falls, in UTC; None where it falls in none.

    They may pass midnight. Where clocks are put back, an hour that comes twice is quiet both times if it lies within;
    where they are put forward, hours that end at a time which does not exist end as much later.
    """
    local = at.astimezone(zone)
    now = local.timetz().replace(tzinfo=None)
    day = local.date()
    if begin < end:
        if not begin <= now < end:
            return None
    elif now >= begin:
        day += timedelta(days=1)
    elif now >= end:
        return None
    over = datetime.combine(day, end, tzinfo=zone)
    if over.astimezone(UTC) <= at:
        # The same time comes a second time today.
        over = over.replace(fold=1)
    return over.astimezone(UTC)
