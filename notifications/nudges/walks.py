"""Whose nudges may change: a merchant's members with a signal or an active nudge, each once, by id.

Four walks go side by side, each along an index of its own and no further than it is asked: through the members of a
program whose points expire, and along those who left something at a checkout, who wait for a reward, and who have a
nudge. Nothing is kept of whom they have passed.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby, islice
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from loyalty.models import Program
from loyalty.operations import walking
from notifications.nudges import signals

CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Soon:
    """One program at one instant: whose points expire soon."""

    program: Program
    at: datetime

    @property
    def parameters(self) -> dict[str, Any]:
        """What `condition` names."""
        due = self.at - self.program.inactivity_period
        return {
            "program": self.program.pk,
            "inactive_from": due,
            "inactive_until": due + signals.EXPIRING_WITHIN,
            "at": self.at,
            "soon": self.at + signals.EXPIRING_WITHIN,
        }

    @property
    def condition(self) -> str:
        """Who of the program, as SQL over m for `walking.walk`; empty where nothing of it expires."""
        ways = []
        if self.program.expires_by_inactivity:
            ways.append("m.last_activity_at > %(inactive_from)s AND m.last_activity_at <= %(inactive_until)s")
        if self.program.expires_by_lots:
            ways.append(
                # From where the walk is: merged, the lots of all members behind it would be passed for each chunk.
                "EXISTS (SELECT 1 FROM loyalty_point_expirations l WHERE l.member_id = m.id AND l.status = 'scheduled' "
                "AND l.expires_at > %(at)s AND l.expires_at <= %(soon)s AND l.member_id > %(after)s)"
            )
        if not (ways and self.program.is_active):
            return ""
        return f"m.is_active AND m.points_balance > m.points_held AND ({' OR '.join(f'({way})' for way in ways)})"


# Along one partial index each.
_ALONG = (
    ("loyalty_checkout_intents", "pending"),
    ("loyalty_redemptions", "requested"),
    ("loyalty_nudges", "active"),
)


def along_query(table: str, status: str) -> str:
    """The statement of a walk along one table; a test holds its plan."""
    return f"""
        SELECT DISTINCT t.member_id FROM {table} t
          WHERE t.merchant_id = %(merchant)s AND t.status = '{status}' AND t.member_id > %(after)s
          ORDER BY t.member_id
          LIMIT %(chunk)s"""


def concerned(merchant_id: UUID, program: Program | None, *, at: datetime, chunk: int = CHUNK) -> Iterator[list[UUID]]:
    """Ids of the merchant's members whose nudges may change, in chunks, by id; `program` is the active one."""
    walks = [_along(merchant_id, table, status, chunk) for table, status in _ALONG]
    if program is not None and (soon := Soon(program, at)).condition:
        walks.append(chain.from_iterable(walking.walk(soon, soon.condition, chunk)))
    each_once = (member_id for member_id, _ in groupby(heapq.merge(*walks)))
    while ids := list(islice(each_once, chunk)):
        yield ids


def _along(merchant_id: UUID, table: str, status: str, chunk: int) -> Iterator[UUID]:
    after = UUID(int=0)
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            walking.pin_the_walk(cursor)
            cursor.execute(along_query(table, status), {"merchant": merchant_id, "after": after, "chunk": chunk})
            ids = [row[0] for row in cursor.fetchall()]
        yield from ids
        if len(ids) < chunk:
            return
        after = ids[-1]
