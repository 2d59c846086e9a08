"""ISO weeks as they are lived in a program's zone."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Week:
    """One ISO week: from Monday 00:00 in the zone up to the next, however many hours that takes."""

    monday: date
    zone: ZoneInfo

    @classmethod
    def of(cls, moment: datetime, zone: ZoneInfo) -> "Week":
        """The week that `moment` falls into."""
        day = moment.astimezone(zone).date()
        return cls(day - timedelta(days=day.weekday()), zone)

    @property
    def name(self) -> str:
        """Such as 2026-W01. ISO 8601: the year is that of the week's Thursday."""
        year, week, _ = self.monday.isocalendar()
        return f"{year:04d}-W{week:02d}"

    @property
    def begins_at(self) -> datetime:
        return datetime.combine(self.monday, time.min, tzinfo=self.zone)

    @property
    def before(self) -> "Week":
        return Week(self.monday - _WEEK, self.zone)

    @property
    def after(self) -> "Week":
        return Week(self.monday + _WEEK, self.zone)
