"""Changes of rows that travel with the news of them."""

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Model

from loyalty_site import outbox


def update_alongside(row: Model, *names: str) -> None:
    """Write these fields of the row: as `row.save(update_fields=...)`, in the statement that writes the news."""
    fields = [row._meta.get_field(name) for name in names]
    # Without the length of a text, at which a cast would cut it off.
    sets = ", ".join(f"{field.column} = %s::{_type(field)}" for field in fields)  # type: ignore[union-attr]
    outbox.alongside(f"UPDATE {row._meta.db_table} SET {sets} WHERE id = %s::uuid", [*_values(row, fields), row.pk])


def _type(field: Any) -> str:
    return str(field.db_type(connection)).partition("(")[0]


def _values(row: Model, fields: Sequence[object]) -> list[object]:
    return [field.get_db_prep_save(field.pre_save(row, add=False), connection) for field in fields]  # type: ignore[attr-defined]
