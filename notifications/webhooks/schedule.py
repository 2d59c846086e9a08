"""When a delivery is tried again, and when it is given up."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

# Waited after the first, second, ... attempt that failed (the schedule that the Standard Webhooks project recommends).
WAITS = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]
MAX_ATTEMPTS = len(WAITS) + 1
# A receiver may ask for more patience, but not for ever.
MAX_RETRY_AFTER = timedelta(hours=24)
# Deliveries that failed together do not come back together.
JITTER = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What became of one attempt. `status` is None where no answer came; `retry_after` is in seconds."""

    at: datetime
    milliseconds: int
    status: int | None = None
    error: str = ""
    retry_after: float | None = None

    @property
    def is_taken(self) -> bool:
        """2xx, and nothing else."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """410: the receiver wants no more."""
        return self.status == 410


def next_attempt(attempt: Attempt, number: int) -> datetime | None:
    """When the delivery is tried again after its attempt of this number failed; None: never."""
    if number >= MAX_ATTEMPTS or attempt.is_gone:
        return None
    wait = WAITS[number - 1] * random.uniform(1, 1 + JITTER)  # noqa: S311 (spreads load, hides nothing)
    if attempt.retry_after is not None:
        wait = max(wait, min(timedelta(seconds=attempt.retry_after), MAX_RETRY_AFTER))
    return attempt.at + wait
