"""Walking through a program's members in chunks that commit: what every mass run has in common.

Who is concerned is asked twice: without a lock, by member id a chunk at a time, and again of the chunk's members once
they are locked. The walk reads an index of columns that never change (docs/decisions/expiry.md).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from django.db import connection, transaction

# A till waits for at most one chunk: about 15 ms of work, well inside its 250 ms.
CHUNK = 500

# Members whom somebody else held are tried again; a till lets go within moments, another worker takes them itself.
_LATER_TRIES = 5
_PAUSE_SECONDS = 0.1
_MANY_MISSED = 10_000


class Scene(Protocol):
    """One program at one instant, with everything that its conditions name; `program` is the program's id."""

    @property
    def parameters(self) -> dict[str, Any]: ...


@dataclass(slots=True)
class Taken:
    """What one chunk did. `missed`: members who were locked by somebody else."""

    counts: Counter[str] = field(default_factory=Counter)
    missed: list[UUID] = field(default_factory=list)


# Does a chunk of members in a transaction of its own.
Step = Callable[[list[UUID]], Taken]


def through(
    scene: Scene, condition: str, step: Step, *, chunk: int = CHUNK, heard: Callable[[Counter[str]], None]
) -> int:
    """Do `step` to every member who meets `condition` (SQL over m); `heard` is told of each chunk's counts.

    Returns how many were held by somebody else all the while.
    """

    def take(ids: list[UUID]) -> list[UUID]:
        taken = step(ids)
        heard(taken.counts)
        return taken.missed

    missed: list[UUID] = []
    for ids in walk(scene, condition, chunk):
        missed += take(ids)
        if len(missed) >= _MANY_MISSED:
            # Another worker's chunks, taken by now but for its last: forget them, so that memory does not grow.
            missed = still(scene, condition, missed)
    for _ in range(_LATER_TRIES):
        if not missed:
            return 0
        time.sleep(_PAUSE_SECONDS)
        # Whoever was taken by another worker, or is not concerned any more, drops out.
        again, missed = still(scene, condition, missed), []
        for first in range(0, len(again), chunk):
            missed += take(again[first : first + chunk])
    return len(still(scene, condition, missed))


def walk(scene: Scene, condition: str, chunk: int) -> Iterator[list[UUID]]:
    """Ids of the program's members who meet `condition`, in chunks, by id. Each chunk is looked for when asked for."""
    after = UUID(int=0)
    while ids := _next(scene, condition, after, chunk):
        yield ids
        if len(ids) < chunk:
            return
        after = ids[-1]


def still(scene: Scene, condition: str, ids: list[UUID]) -> list[UUID]:
    """Those of `ids` who meet `condition` now, by id."""
    if not ids:
        return []
    query = f"SELECT m.id FROM loyalty_members m WHERE m.id = ANY (%(ids)s::uuid[]) AND {condition} ORDER BY m.id"
    with connection.cursor() as cursor:
        cursor.execute(query, scene.parameters | {"ids": array(ids)})
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


def _next(scene: Scene, condition: str, after: UUID, chunk: int) -> list[UUID]:
    with transaction.atomic(), connection.cursor() as cursor:
        pin_the_walk(cursor)
        cursor.execute(next_chunk_query(condition), scene.parameters | {"after": after, "chunk": chunk})
        return [row[0] for row in cursor.fetchall()]


def lock_query(condition: str, columns: str = "m.id") -> str:
    """The statement that locks a chunk; a test holds its plan, and those of the postings."""
    # skip_locked: a member at the till right now is active; leave them be.
    # no_key: a mere foreign-key check on a member must neither block us nor be skipped.
    return f"""
        SELECT {columns} FROM loyalty_members m
          WHERE m.id = ANY (%(ids)s::uuid[]) AND {condition}
          ORDER BY m.id
          FOR NO KEY UPDATE SKIP LOCKED"""


def lock(scene: Scene, condition: str, ids: list[UUID]) -> tuple[list[UUID], Taken]:
    """Lock those of `ids` who still meet the condition and whom nobody else holds; the rest is `missed`."""
    with connection.cursor() as cursor:
        pin_nested_loops(cursor)
        cursor.execute(lock_query(condition), scene.parameters | {"ids": array(ids)})
        locked = [row[0] for row in cursor.fetchall()]
    return locked, Taken(missed=others(ids, locked))


def others(ids: list[UUID], locked: list[UUID]) -> list[UUID]:
    """Those of the ids that are not locked."""
    return [] if len(locked) == len(ids) else sorted(set(ids).difference(locked))


def pin_the_walk(cursor: Any) -> None:
    """Hold the planner to the index walk, for this transaction.

    Where many are due it would rather read and sort the whole table, once a chunk: then the night's cost grows with
    the square of the members.
    """
    cursor.execute(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), "
        "set_config('enable_sort', 'off', true), set_config('jit', 'off', true), "
        "set_config('max_parallel_workers_per_gather', '0', true)"
    )


def pin_nested_loops(cursor: Any) -> None:
    """Hold the planner to one index probe a member of the chunk, for this transaction: a chunk is a small set.

    Parallel workers would take longer to start than to do it.
    """
    cursor.execute(
        "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
        "set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true), "
        "set_config('max_parallel_workers_per_gather', '0', true)"
    )
