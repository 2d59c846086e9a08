"""Who is due, and who is to be warned: the conditions of one night in one program, as SQL.

Every condition is asked twice: without a lock, walking through the program by member id a chunk at a time, and again
of the chunk's members once they are locked. The walk reads an index of columns that never change: an index over due
dates would turn each earn into an update of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from loyalty.models import Program


@dataclass(frozen=True, slots=True)
class Night:
    """One program at one run's instant `at`, with the moments its conditions compare with.

    `*_due`: activity, or a lot's date, at or before this is due. `*_near`: at or before this, it is time to warn.
    `*_warned`: with `warn_before_expiring`, whoever was warned when already due expires if it was at or before this.
    """

    program: Program
    at: datetime

    @property
    def inactivity_lead(self) -> timedelta:
        return self.program.warning_lead(self.program.points_expiration_days)

    @property
    def lots_lead(self) -> timedelta:
        return self.program.warning_lead(self.program.points_valid_days)

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything the conditions below name."""
        return {
            "program": self.program.pk,
            "at": self.at,
            "inactivity_days": self.program.points_expiration_days,
            "inactivity_period": self.program.inactivity_period,
            "inactivity_due": self.at - self.program.inactivity_period,
            "inactivity_near": self.at - self.program.inactivity_period + self.inactivity_lead,
            "inactivity_warned": self.at - self.inactivity_lead,
            "lots_days": self.program.points_valid_days,
            "lots_near": self.at + self.lots_lead,
            "lots_warned": self.at - self.lots_lead,
            "warn_first": self.program.warn_before_expiring,
        }


MAY_LOSE = "m.is_active AND m.points_balance > m.points_held"

INACTIVE = f"""{MAY_LOSE} AND m.last_activity_at <= %(inactivity_due)s AND (
    NOT %(warn_first)s
    OR (m.last_expiration_warning_at >= m.last_activity_at AND (
        m.last_expiration_warning_at < m.last_activity_at + %(inactivity_period)s
        OR m.last_expiration_warning_at <= %(inactivity_warned)s)))"""

TO_WARN_OF_INACTIVITY = f"""{MAY_LOSE} AND m.last_activity_at <= %(inactivity_near)s
    AND (m.last_activity_at > %(inactivity_due)s OR %(warn_first)s)
    AND (m.last_expiration_warning_at IS NULL OR m.last_expiration_warning_at < m.last_activity_at)"""

_OPEN = "l.member_id = m.id AND l.status = 'scheduled'"

LOT_IS_DUE = f"""{_OPEN} AND l.expires_at <= %(at)s AND (
    NOT %(warn_first)s
    OR (l.warned_at IS NOT NULL AND (l.warned_at < l.expires_at OR l.warned_at <= %(lots_warned)s)))"""

LOT_TO_WARN_OF = f"""{_OPEN} AND l.expires_at <= %(lots_near)s AND l.warned_at IS NULL
    AND (l.expires_at > %(at)s OR %(warn_first)s)"""

WITH_DUE_LOTS = f"""{MAY_LOSE} AND EXISTS (
    SELECT 1 FROM loyalty_point_expirations l WHERE {LOT_IS_DUE})"""

WITH_LOTS_TO_WARN_OF = f"""m.is_active AND EXISTS (
    SELECT 1 FROM loyalty_point_expirations l WHERE {LOT_TO_WARN_OF})"""


def walk(night: Night, condition: str, chunk: int) -> Iterator[list[UUID]]:
    """Ids of the program's members who meet `condition`, in chunks, by id. Each chunk is looked for when asked for."""
    after = UUID(int=0)
    while ids := _next(night, condition, after, chunk):
        yield ids
        if len(ids) < chunk:
            return
        after = ids[-1]


def still(night: Night, condition: str, ids: list[UUID]) -> list[UUID]:
    """Those of `ids` who meet `condition` now, by id."""
    if not ids:
        return []
    query = f"SELECT m.id FROM loyalty_members m WHERE m.id = ANY (%(ids)s::uuid[]) AND {condition} ORDER BY m.id"
    with connection.cursor() as cursor:
        cursor.execute(query, night.parameters | {"ids": array(ids)})
        return [row[0] for row in cursor.fetchall()]


def array(ids: Iterable[UUID]) -> str:
    """The text of an array of ids. A chunk goes to and fro twice, and psycopg would look at each for what to quote."""
    return "{" + ",".join([each.hex for each in ids]) + "}"


def next_chunk_query(condition: str) -> str:
    """The statement of the walk; a test holds its plan."""
    return f"""
        SELECT m.id FROM loyalty_members m
          WHERE m.program_id = %(program)s AND m.id > %(after)s AND {condition}
          ORDER BY m.program_id, m.id
          LIMIT %(chunk)s"""


def _next(night: Night, condition: str, after: UUID, chunk: int) -> list[UUID]:
    with transaction.atomic(), connection.cursor() as cursor:
        pin_the_walk(cursor)
        cursor.execute(next_chunk_query(condition), night.parameters | {"after": after, "chunk": chunk})
        return [row[0] for row in cursor.fetchall()]


def pin_the_walk(cursor: Any) -> None:
    """Hold the planner to the index walk, for this transaction.

    Where many are due it would rather read and sort the whole table, once a chunk: then the night's cost grows with
    the square of the members.
    """
    cursor.execute(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), "
        "set_config('enable_sort', 'off', true), set_config('jit', 'off', true)"
    )


def pin_nested_loops(cursor: Any) -> None:
    """Hold the planner to one index probe a member of the chunk, for this transaction: a chunk is a small set."""
    cursor.execute(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
        "set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)"
    )
