"""How many of each template's messages failed: what the alert on message failures goes by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

WINDOW = timedelta(hours=24)
# specs/operations.md "Watching", P1: failures above 1 % in 24 hours, and at least 5.
MOST_RATIO = 0.01
LEAST_FAILURES = 5

_QUERY = """
SELECT code, count(*) FILTER (WHERE status = 'failed'), count(*)
FROM loyalty_messages
WHERE finished_at >= %(since)s AND finished_at <= %(at)s AND status IN ('sent', 'failed')
    AND code LIKE 'loyalty\\_%%' AND (%(merchants)s::uuid[] IS NULL OR merchant_id = ANY (%(merchants)s))
GROUP BY code ORDER BY code
"""


@dataclass(frozen=True, slots=True)
class Failures:
    """One template in the window. A message that bounced counts as failed; one that was skipped was never tried."""

    code: str
    failed: int
    ended: int

    @property
    def ratio(self) -> float:
        """Failed of all that ended, 0 to 1."""
        return self.failed / self.ended if self.ended else 0.0

    @property
    def is_alarming(self) -> bool:
        """Whether somebody should look."""
        return self.failed >= LEAST_FAILURES and self.ratio > MOST_RATIO


def by_template(*, at: datetime, merchant_ids: Sequence[UUID] | None = None) -> list[Failures]:
    """The `loyalty_*` templates of the 24 hours before `at`, of all merchants or of these."""
    with connection.cursor() as cursor:
        cursor.execute(
            _QUERY, {"since": at - WINDOW, "at": at, "merchants": None if merchant_ids is None else list(merchant_ids)}
        )
        return [Failures(*row) for row in cursor.fetchall()]
