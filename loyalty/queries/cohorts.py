"""Who comes again: members by the month of their first visit, and by how long they have been away.

A visit is an entry of one of `VISIT_TYPES`, whether or not it was voided later: the member was there. Months are
calendar months of the time zone that is given.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from loyalty.models import VISIT_TYPES
from loyalty_site.tenants.models import Merchant, Store

MONTHS_TO_RETURN = 3
CHURNED_AFTER = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Cohort:
    """The members whose first visit was in `month` (its first day).

    `active[k]` is how many of them came in the k-th month after; the last is the month the figures end in, which is
    `active[0]` of the youngest cohort there can be.
    """

    month: date
    active: list[int] = field(default_factory=list)

    @property
    def members(self) -> int:
        return self.active[0]

    def share(self, months: int) -> float | None:
        """The share who came so many months after, 0 to 1; None for a month that is still to come."""
        return self.active[months] / self.members if months < len(self.active) else None


# The members' months first, one row each: what is then counted is no longer as long as the ledger. Entries are reached
# by their members, so that those of a small merchant come from the index.
_QUERY = """
    WITH came AS (
        SELECT e.member_id,
               extract(year FROM e.occurred_at AT TIME ZONE %(zone)s)::integer * 12
               + extract(month FROM e.occurred_at AT TIME ZONE %(zone)s)::integer - 1 AS month
          FROM loyalty_members m
          JOIN loyalty_ledger_entries e ON e.member_id = m.id
          WHERE m.merchant_id = %(merchant)s AND e.type = ANY (%(visits)s) AND e.occurred_at <= %(at)s
            AND (%(store)s::uuid IS NULL OR e.store_id = %(store)s::uuid)
          GROUP BY 1, 2
    ),
    first AS (SELECT member_id, min(month) AS cohort FROM came GROUP BY member_id)
    SELECT first.cohort, came.month - first.cohort, count(*)
      FROM came JOIN first USING (member_id)
      GROUP BY 1, 2 ORDER BY 1, 2"""


def cohorts(merchant: Merchant, at: datetime, *, zone: str, store: Store | None = None) -> list[Cohort]:
    """The merchant's cohorts at that moment, oldest first, without months in which nobody came for the first time.

    With a store, of visits there alone.
    """
    until = at.astimezone(ZoneInfo(zone))
    last = until.year * 12 + until.month - 1
    found: dict[int, Cohort] = {}
    for number, since, members in _rows(_QUERY, merchant, store, at=at, zone=zone):
        if number not in found:
            found[number] = Cohort(date(number // 12, number % 12 + 1, 1), [0] * (last - number + 1))
        found[number].active[since] = members
    return list(found.values())


# Of whoever did not come lately the index finds one earlier visit at once.
_CHURNED = """
    SELECT count(*)
      FROM loyalty_members m
      WHERE m.merchant_id = %(merchant)s
        AND NOT EXISTS (
            SELECT FROM loyalty_ledger_entries e
              WHERE e.member_id = m.id AND e.type = ANY (%(visits)s)
                AND e.occurred_at > %(since)s AND e.occurred_at <= %(at)s
                AND (%(store)s::uuid IS NULL OR e.store_id = %(store)s::uuid))
        AND EXISTS (
            SELECT FROM loyalty_ledger_entries e
              WHERE e.member_id = m.id AND e.type = ANY (%(visits)s) AND e.occurred_at <= %(since)s
                AND (%(store)s::uuid IS NULL OR e.store_id = %(store)s::uuid))"""


def churned(merchant: Merchant, at: datetime, *, store: Store | None = None) -> int:
    """Members who once came, and whose last visit was 90 days (24 hours each) or more before that moment."""
    [(members,)] = _rows(_CHURNED, merchant, store, at=at, since=at - CHURNED_AFTER)
    return int(members)


def _rows(query: str, merchant: Merchant, store: Store | None, **more: Any) -> list[tuple[Any, ...]]:
    given = {
        "merchant": merchant.pk,
        "store": store.pk if store else None,
        "visits": sorted(str(each.value) for each in VISIT_TYPES),
    }
    with connection.cursor() as cursor:
        cursor.execute(query, given | more)
        return cursor.fetchall()
