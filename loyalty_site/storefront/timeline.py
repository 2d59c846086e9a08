"""Everything that happened to a member, from several tables, as one list: newest first, a page at a time.

Each source is a table read in an order of its own that never changes: by a time that stays, then by a column that
breaks ties. A page takes the newest of all sources; where it ended is kept for each source, so that what was there
when a walk began comes once, in order, whatever is added meanwhile.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from django.db import connection, transaction

from loyalty.models import Member
from loyalty.queries import ledger_window

# The parts of a cursor, one for each source there is or will be.
PARTS = ("ledger", "redemptions", "referrals", "nudges", "guardrails")

# Where a source goes on: at entries up to this time, below the tie where one is named. None: at its newest.
Position = tuple[str, str | None] | None


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter of one source: SQL over its table, and the parameters it names."""

    sql: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """One table of the timeline.

    `kind` names its entries and `shown_as` the object in them, `part` its place in the cursor. `whose` is the SQL
    condition for a member's rows, over %(member)s and %(merchant)s. `at`, a column that never changes, orders them,
    and `tie` (of the SQL type `tie_type`) those of one time. `facts` is SQL for a JSON object, which `shape` turns
    into what is shown. `narrow` makes conditions of the filters asked for.
    """

    kind: str
    shown_as: str
    part: str
    table: str
    whose: str
    at: str
    tie: str
    tie_type: str
    facts: str
    shape: Callable[[dict[str, Any], datetime], dict[str, Any]]
    narrow: Callable[[Mapping[str, Any]], list[Condition]]

    @property
    def include(self) -> str:
        """The flag that switches it on and off."""
        return f"include_{self.part}"


@dataclass(frozen=True, slots=True)
class Found:
    """A row of a source: its time, what breaks a tie with others of that time, and the facts to show."""

    at: datetime
    tie: str
    source: Source
    facts: dict[str, Any]

    @property
    def shown(self) -> dict[str, Any]:
        """What is shown of it."""
        return self.source.shape(self.facts, self.at)

    @property
    def rank(self) -> int | str:
        """The tie as PostgreSQL compares it: numbers by size; UUIDs sort as their texts do."""
        return int(self.tie) if self.source.tie_type == "integer" else self.tie


@dataclass(frozen=True, slots=True)
class Page:
    """Entries of a timeline; where each source goes on; whether there is more."""

    entries: list[Found]
    positions: dict[str, Position]
    has_more: bool


def read(
    member: Member,
    sources: Sequence[Source],
    *,
    filters: Mapping[str, Any],
    positions: Mapping[str, Position],
    limit: int,
) -> Page:
    """The page of the member's timeline after `positions`. Three statements, however many sources there are."""
    asked = [source for source in sources if filters[source.include]]
    found: list[Found] = []
    if asked:
        statement = query(member, asked, filters=filters, positions=positions, limit=limit + 1)
        found = _found(asked, *statement)
    shown = found[:limit]
    return Page(
        entries=shown,
        positions=_advanced(asked, positions, shown),
        has_more=len(found) > limit,
    )


def query(
    member: Member,
    asked: Sequence[Source],
    *,
    filters: Mapping[str, Any],
    positions: Mapping[str, Position],
    limit: int,
) -> tuple[str, dict[str, Any]]:
    """The statement for the newest `limit` of each source, and its parameters; a test holds its plan."""
    parameters: dict[str, Any] = {"member": member.pk, "merchant": member.merchant_id, "limit": limit}
    statements = []
    for place, source in enumerate(asked):
        conditions = [source.whose]
        if (position := positions.get(source.part)) is not None:
            conditions.append(_from_there_on(source, position, parameters))
        for condition in source.narrow(filters):
            conditions.append(condition.sql)
            parameters |= condition.parameters
        statements.append(
            f"(SELECT {place} AS place, {source.at} AS at, {source.tie}::text AS tie, ({source.facts})::text AS facts "
            f"FROM {source.table} WHERE {' AND '.join(conditions)} "
            f"ORDER BY {source.at} DESC, {source.tie} DESC LIMIT %(limit)s)"
        )
    return " UNION ALL ".join(statements), parameters


def _found(asked: Sequence[Source], statement: str, parameters: dict[str, Any]) -> list[Found]:
    """The newest of all sources: on ties of time, in the order of the sources."""
    with transaction.atomic(), connection.cursor() as cursor:
        # By each table's index, and no further than the page is full.
        ledger_window.pin(cursor)
        cursor.execute(statement, parameters)
        rows = cursor.fetchall()
    by_place: list[list[Found]] = [[] for _ in asked]
    for place, at, tie, facts in rows:
        by_place[place].append(Found(at, tie, asked[place], json.loads(facts)))
    for of_source in by_place:
        of_source.sort(key=lambda one: (one.at, one.rank), reverse=True)
    return sorted(chain(*by_place), key=lambda one: one.at, reverse=True)


def _from_there_on(source: Source, position: tuple[str, str | None], parameters: dict[str, Any]) -> str:
    at, tie = position
    parameters[f"{source.part}_at"] = at
    if tie is None:
        return f"{source.at} <= %({source.part}_at)s::timestamptz"
    parameters[f"{source.part}_tie"] = tie
    here = f"%({source.part}_at)s::timestamptz, %({source.part}_tie)s::{source.tie_type}"
    return f"({source.at}, {source.tie}) < ({here})"


def _advanced(
    asked: Sequence[Source], positions: Mapping[str, Position], shown: Sequence[Found]
) -> dict[str, Position]:
    """Where each source goes on after what was shown.

    All of them go on from the time of the last entry, also those that had nothing as new: what is written later with
    a later time is not of this walk.
    """
    after: dict[str, Position] = {source.part: positions.get(source.part) for source in asked}
    if not shown:
        return after
    end = shown[-1].at.isoformat()
    for part, position in after.items():
        if position is None or position[0] != end:
            after[part] = (end, None)
    for one in shown:
        if one.at == shown[-1].at:
            after[one.source.part] = (end, one.tie)
    return after
