"""Two SELECTs in one statement, the second only if the first allows it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

# A SELECT of one row at most, and its parameters.
Reading = tuple[str, Sequence[Any]]


@lru_cache(256)
def followed(first: str, second: str, when: str) -> str:
    """The SELECT of `first`, a row with its alias, and of `second` where it holds `when`.

    Its columns are those of the first, `found`, and those of the second, all of them NULL where there is no row of it.
    """
    # LATERAL and OFFSET 0, so that the second comes after the first, and not without it: joined as the planner likes,
    # it would lock, wait or write for somebody who is to be turned away.
    return f"""
        SELECT * FROM {first} LEFT JOIN LATERAL (
            SELECT true AS found, x.* FROM ({second}) x WHERE {when} OFFSET 0
        ) r ON true"""


def row_of_second(columns: Sequence[Any]) -> tuple[Any, ...] | None:
    """The second's row, from `found` and what follows it; None where there is none."""
    return tuple(columns[1:]) if columns and columns[0] else None
