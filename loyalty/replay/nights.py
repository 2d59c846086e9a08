"""When the daily run happens in a replay, and after which of them its figures are taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from loyalty.operations.expiration.warning import run_that_takes

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Nights:
    """The daily runs of a file whose orders lie between `first` and `last`, cut off after `until`."""

    first: datetime
    last: datetime
    until: datetime | None = None

    @property
    def opening(self) -> datetime:
        """The first run, at or after the first order."""
        return run_that_takes(self.first)

    @property
    def as_of(self) -> datetime:
        """The last run of the whole file: the first strictly after its last order."""
        run = run_that_takes(self.last)
        return run if run > self.last else run + _DAY

    @property
    def closing(self) -> datetime:
        """The run at which the figures are taken: the last one not after `until`.

        Where `until` lies before the first run it is the instant a day before that: nothing had happened.
        """
        if self.until is None or self.until >= self.as_of:
            return self.as_of
        if self.until < self.opening:
            return self.opening - _DAY
        return self.opening + (self.until - self.opening) // _DAY * _DAY

    def __iter__(self) -> Iterator[datetime]:
        run = self.opening
        while run <= self.closing:
            yield run
            run += _DAY
