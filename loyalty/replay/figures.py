"""The figures of a program's past at one of its nights, read from the ledger in sets (data/RULES.md).

An entry that undoes another, or gives back what it took, counts where that one stands: what was undone is as if it
had not been.
"""

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from loyalty.models import Program

_TOP = 10
_FETCH = 2000

# Every entry of the program up to the closing night. `root` is the entry it answers, else itself; `original`: itself.
_ENTRIES = """
    WITH entry AS MATERIALIZED (
        SELECT e.id, coalesce(a.id, e.id) AS root, a.id IS NULL AS original, e.member_id,
               coalesce(a.type, e.type) AS type, coalesce(a.occurred_at, e.occurred_at) AS moment,
               e.points_delta AS points, e.stamps_delta AS stamps, e.requested, e.metadata ->> 'amount' AS amount
          FROM loyalty_members m
          JOIN loyalty_ledger_entries e ON e.member_id = m.id
          LEFT JOIN loyalty_ledger_entries a
            ON a.id = e.answers_id AND e.type IN ('undo', 'admin_adjustment', 'stamp_voided')
          WHERE m.program_id = %(program)s AND coalesce(a.occurred_at, e.occurred_at) <= %(closing)s
    )"""

_TOTALS = """
    SELECT coalesce(sum(points) FILTER (WHERE type = 'earn'), 0)::bigint,
           coalesce(sum(requested) FILTER (WHERE type = 'refund' AND original), 0)::bigint,
           coalesce(-sum(points) FILTER (WHERE type = 'refund'), 0)::bigint,
           coalesce(-sum(points) FILTER (WHERE type = 'points_expired'), 0)::bigint,
           coalesce(sum(points), 0)::bigint
      FROM entry"""

_EXPIRY_EVENTS = """
    SELECT count(*) FROM (
        SELECT root FROM entry WHERE type = 'points_expired' GROUP BY root HAVING sum(points) < 0) expired"""

_LOTS_EXPIRED = """
    SELECT count(*) FROM (
        SELECT a.lot_id FROM entry JOIN loyalty_lot_allocations a ON a.entry_id = entry.id
          WHERE entry.type = 'points_expired'
          GROUP BY a.lot_id
          HAVING sum(a.points) > 0) expired"""

_BALANCES = """
    SELECT c.external_ref, sum(entry.points)::bigint
      FROM entry
      JOIN loyalty_members m ON m.id = entry.member_id
      JOIN customers c ON c.id = m.customer_id
      GROUP BY c.external_ref, m.id
      HAVING bool_or(entry.type IN ('earn', 'refund') AND entry.original)
      ORDER BY c.external_ref COLLATE "C\""""

_BY_MONTH = """
    SELECT type, to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM'), abs(sum(points))::bigint
      FROM entry
      WHERE type IN ('earn', 'refund', 'points_expired')
      GROUP BY 1, 2
      HAVING sum(points) <> 0
      ORDER BY 2"""

# The number of the first run at or after the entry, counted from the opening one.
_BY_NIGHT = """
    SELECT ceil(extract(epoch FROM moment - %(opening)s) / 86400)::integer, sum(points)::bigint
      FROM entry GROUP BY 1 ORDER BY 1"""

_SALES = """
    SELECT member_id, moment FROM entry WHERE type = 'earn' AND original"""

_COHORTS = f"""
    , sale AS (
        SELECT DISTINCT member_id,
               extract(year FROM moment AT TIME ZONE 'UTC')::integer * 12
               + extract(month FROM moment AT TIME ZONE 'UTC')::integer - 1 AS month
          FROM ({_SALES}) sales
    ),
    dated AS (SELECT month, min(month) OVER (PARTITION BY member_id) AS cohort FROM sale)
    SELECT cohort, month - cohort, count(*) FROM dated GROUP BY 1, 2 ORDER BY 1, 2"""

_MEMBERS = """
    , person AS (
        SELECT member_id, max(moment) FILTER (WHERE type = 'earn') AS last_sale,
               coalesce(sum(CASE type WHEN 'earn' THEN amount::numeric ELSE -amount::numeric END)
                   FILTER (WHERE moment > %(year_before)s), 0) AS net_spend
          FROM entry
          WHERE original AND type IN ('earn', 'refund')
          GROUP BY member_id
    )
    SELECT count(*), count(last_sale), count(*) FILTER (WHERE last_sale <= %(churned)s),
           count(*) FILTER (WHERE net_spend < 250), count(*) FILTER (WHERE net_spend >= 250 AND net_spend < 1000),
           count(*) FILTER (WHERE net_spend >= 1000 AND net_spend < 5000), count(*) FILTER (WHERE net_spend >= 5000)
      FROM person"""

_STAMPS = """
    , card AS (
        SELECT member_id, sum(stamps) FILTER (WHERE type = 'stamp_earned') AS stamps,
               -coalesce(sum(stamps) FILTER (WHERE type = 'stamp_redeemed'), 0) AS redeemed, sum(stamps) AS left_over,
               count(*) FILTER (WHERE type = 'stamp_redeemed' AND original) AS cards
          FROM entry
          WHERE stamps <> 0
          GROUP BY member_id
    )
    SELECT coalesce(sum(stamps), 0)::bigint, coalesce(sum(cards) FILTER (WHERE redeemed > 0), 0)::bigint,
           count(*) FILTER (WHERE redeemed > 0), coalesce(sum(left_over), 0)::bigint
      FROM card"""


@dataclass(frozen=True, slots=True)
class Totals:
    """Points over the whole past."""

    issued: int
    requested: int
    taken_back: int
    expired: int
    outstanding: int


@dataclass(frozen=True, slots=True)
class Balances:
    """Members' balances: how many are above 0, the highest, and the digest of them all."""

    above_zero: int
    top: list[list[Any]]
    sha256: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The program's ledger as it stood just after the run at `closing`."""

    program: Program
    closing: datetime

    def totals(self) -> Totals:
        return Totals(*self._ask(_TOTALS)[0])

    def expiry_events(self) -> int:
        """Entries that took expired points and were not wholly undone."""
        return int(self._ask(_EXPIRY_EVENTS)[0][0])

    def lots_expired(self) -> int:
        """Lots that still had points when a run took them."""
        return int(self._ask(_LOTS_EXPIRED)[0][0])

    def balances(self) -> Balances:
        """Of everybody with a sale or a refund."""
        digest = hashlib.sha256()
        above_zero = 0

        def seen() -> Iterator[tuple[int, str]]:
            nonlocal above_zero
            for customer, points in self._stream(_BALANCES):
                digest.update(f"{customer},{points}\n".encode())
                above_zero += points > 0
                yield -points, customer

        top = [[customer, -minus] for minus, customer in heapq.nsmallest(_TOP, seen())]
        return Balances(above_zero, top, digest.hexdigest())

    def by_month(self) -> dict[str, dict[str, int]]:
        """Points by type of entry (earn, refund, points_expired) and calendar month, without empty months."""
        months: dict[str, dict[str, int]] = {"earn": {}, "refund": {}, "points_expired": {}}
        for entry_type, month, points in self._ask(_BY_MONTH):
            months[entry_type][month] = points
        return months

    def outstanding_after(self, runs: Sequence[datetime], opening: datetime) -> list[int]:
        """All balances together just after each of these daily runs, given in order of time."""
        moved = iter(self._ask(_BY_NIGHT, opening=opening))
        balances, balance, upcoming = [], 0, next(moved, None)
        for run in runs:
            number = (run - opening).days
            while upcoming is not None and upcoming[0] <= number:
                balance += upcoming[1]
                upcoming = next(moved, None)
            balances.append(balance)
        return balances

    def cohorts(self) -> dict[int, dict[int, int]]:
        """Members by month of their first sale (counted from year 0) and months since, where they bought."""
        matrix: dict[int, dict[int, int]] = {}
        for cohort, since, members in self._ask(_COHORTS):
            matrix.setdefault(cohort, {})[since] = members
        return matrix

    def members(self) -> tuple[int, ...]:
        """Members, those with a sale, those whose last sale is 90 days back, and by net spend of a year in four."""
        periods = {
            "churned": self.closing - timedelta(days=90),
            "year_before": self.closing - timedelta(days=365),
        }
        return tuple(self._ask(_MEMBERS, **periods)[0])

    def stamps(self) -> tuple[int, ...]:
        """Stamps given, cards redeemed, members who redeemed one, stamps on open cards."""
        return tuple(self._ask(_STAMPS)[0])

    def _parameters(self, more: dict[str, Any]) -> dict[str, Any]:
        return {"program": self.program.pk, "closing": self.closing} | more

    def _ask(self, query: str, **more: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(_ENTRIES + query, self._parameters(more))
            return cursor.fetchall()

    def _stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query as long as the members are many, without holding them all."""
        with transaction.atomic(), connection.chunked_cursor() as cursor:
            cursor.execute(_ENTRIES + query, self._parameters({}))
            while rows := cursor.fetchmany(_FETCH):
                yield from rows
