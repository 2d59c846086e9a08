"""Who holds personal data: every app registers its tables, so that export and erasure miss none.

A keeper answers for one table: which of its columns tell of a person, how to hand them out, and how to make them
forget. A test finds a table with telling columns that nobody keeps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loyalty_site.tenants.models import Customer


@dataclass(frozen=True)
class Keeper:
    """One table with personal data.

    `export` gives the rows of a customer as plain dicts; `forget` empties what tells of the person and leaves what the
    books need. Both run in the caller's transaction.
    """

    table: str
    columns: frozenset[str]
    export: Callable[[Customer], list[dict[str, Any]]]
    forget: Callable[[Customer, datetime], None]


_keepers: dict[str, Keeper] = {}


def keep(
    table: str,
    *,
    columns: Sequence[str],
    export: Callable[[Customer], list[dict[str, Any]]],
    forget: Callable[[Customer, datetime], None],
) -> None:
    """Answer for the personal data of `table`; called from `AppConfig.ready`."""
    _keepers[table] = Keeper(table, frozenset(columns), export, forget)


def keepers() -> list[Keeper]:
    """All of them, by table name."""
    return [_keepers[table] for table in sorted(_keepers)]


def export(customer: Customer) -> dict[str, list[dict[str, Any]]]:
    """All that is stored of this person at this merchant, by table."""
    return {keeper.table: keeper.export(customer) for keeper in keepers()}


def forget(customer: Customer, *, at: datetime) -> None:
    """Make every table forget the person, in the caller's transaction."""
    for keeper in keepers():
        keeper.forget(customer, at)
