"""A stretch of a member's ledger, newest entry first, in one statement that costs the same at any depth."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from loyalty.models import EntryType
from loyalty_site.prepared import run

# What members call a correction of their balance, for whatever reason.
ADJUSTMENT = "adjustment"
ADJUSTMENTS = (EntryType.POINTS_EXPIRED, EntryType.ADMIN_ADJUSTMENT, EntryType.REFUND, EntryType.UNDO)
TYPES = (*EntryType.values, ADJUSTMENT)

_ENDLESS = 2**31 - 1

# A member's numbers have no gap, so a page is a range of them: whatever the planner makes of it, it reads no more.
_ANY_TYPE = """
         WHERE e.member_id = m.id AND e.number <= least(m.last_number, %(before)s - 1)
           AND e.number > least(m.last_number, %(before)s - 1) - %(limit)s"""
_SOME_TYPES = """
         WHERE e.member_id = m.id AND e.number < %(before)s AND e.type = ANY (%(types)s::text[])"""

# Who asks is looked up in the same statement. A merchant that is switched off has no members.
BY_USER = """
(SELECT m.id, m.last_number, p.is_active
   FROM customers c
   JOIN merchants x ON x.id = c.merchant_id AND x.is_active
   JOIN loyalty_members m ON m.customer_id = c.id
   JOIN loyalty_programs p ON p.id = m.program_id
  WHERE c.merchant_id = %(merchant)s AND c.user_id = %(user)s
  ORDER BY p.is_active DESC, m.id DESC LIMIT 1)
"""
BY_ID = "(SELECT id, last_number, true AS is_active FROM loyalty_members WHERE id = %(member)s)"
_WINDOW = """
SELECT m.is_active, e.*
  FROM {whose} m
  LEFT JOIN LATERAL (
        SELECT e.number, e.id, e.type, e.points_delta, e.points_balance_after, e.stamps_delta, e.stamps_balance_after,
               e.description, e.metadata, e.occurred_at
          FROM loyalty_ledger_entries e{which}
         ORDER BY e.number DESC LIMIT %(limit)s) e ON true
 ORDER BY e.number DESC
"""


class Line(NamedTuple):
    """An entry as its member reads it. Balances are of points; `metadata` is decoded."""

    number: int
    id: UUID
    type: str
    points_delta: int
    points_balance_after: int
    stamps_delta: int
    stamps_balance_after: int
    description: str
    metadata: dict[str, Any]
    occurred_at: datetime


def expanded(types: Iterable[str]) -> list[str]:
    """The entry types asked for, sorted, each once; `adjustment` stands for its four."""
    asked = set(types)
    if ADJUSTMENT in asked:
        asked = asked - {ADJUSTMENT} | set(ADJUSTMENTS)
    return sorted(str(each) for each in asked)


def of_user(merchant_id: UUID, user_id: UUID, *, limit: int, before: int | None = None) -> list[Line] | None:
    """The page of the merchant's member with this `user_id`; see `of_member`.

    None: no such member in an active program. `first_sight` makes one, or knows the one of a former program.
    """
    facts = {"merchant": merchant_id, "user": user_id, "before": _below(before), "limit": limit}
    rows = run(window_query(BY_USER, filtered=False), facts)
    return _lines(rows) if rows and rows[0][0] else None


def of_member(member_id: UUID, *, limit: int, before: int | None = None, types: list[str] | None = None) -> list[Line]:
    """At most `limit` of the member's entries, of these `types` if any, with a number below `before`, newest first."""
    facts = {"member": member_id, "before": _below(before), "limit": limit}
    if not types:
        return _lines(run(window_query(BY_ID, filtered=False), facts))
    with transaction.atomic():
        with connection.cursor() as cursor:
            pin(cursor)
        return _lines(run(window_query(BY_ID, filtered=True), facts | {"types": types}))


def _below(before: int | None) -> int:
    return _ENDLESS if before is None else before


def pin(cursor: Any) -> None:
    """Hold the planner to the index, for this transaction: by it a page ends when it is full.

    Where members have few entries on average it would rather fetch all of one and sort them.
    """
    cursor.execute(
        "SELECT set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true), "
        "set_config('enable_seqscan', 'off', true)"
    )


def window_query(whose: str, *, filtered: bool) -> str:
    """The statement of a page; a test holds its plan."""
    return _WINDOW.format(whose=whose, which=_SOME_TYPES if filtered else _ANY_TYPE)


def _lines(rows: list[tuple[Any, ...]]) -> list[Line]:
    return [Line._make((*row[1:9], json.loads(row[9]), row[10])) for row in rows if row[1] is not None]
