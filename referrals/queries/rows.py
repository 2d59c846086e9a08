"""Rows that come as JSON beside others in one statement, as their models have them."""

import json
from decimal import Decimal
from typing import Any, TypeVar

from django.db.models import Model

Row = TypeVar("Row", bound=Model)


def from_json(model: type[Row], text: str) -> Row:
    """The row of `to_jsonb(row)::text`."""
    facts = json.loads(text, parse_float=Decimal)
    fields = model._meta.concrete_fields
    values = [_value(field, facts[str(field.column)]) for field in fields]
    return model.from_db("default", [field.attname for field in fields], values)


def _value(field: Any, value: Any) -> Any:
    # JSON is JSON already; to_python of everything else reads what PostgreSQL writes.
    return value if value is None else field.to_python(value)
