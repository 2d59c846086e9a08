"""What a request came to when it was made before."""

import json
from functools import cache
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Model

from loyalty.models import LedgerEntry, Redemption, Reward
from loyalty_site.prepared import run

_READ: tuple[tuple[str, type[Model]], ...] = (("r", Redemption), ("w", Reward), ("e", LedgerEntry))


def redemption(merchant_id: UUID, key: str) -> Redemption | None:
    """The merchant's redemption with this key, its reward and its ledger entry at hand; None for none."""
    rows = run(_statement(), [merchant_id, key])
    if not rows:
        return None
    row, made = rows[0], list[Any]()
    for _, model in _READ:
        fields = model._meta.concrete_fields
        values, row = row[: len(fields)], row[len(fields) :]
        made.append(_made(model, values) if values[0] is not None else None)
    found, reward, found.entry = made
    found.reward = reward
    return found


@cache
def _statement() -> str:
    columns = ", ".join(f"{alias}.{field.column}" for alias, model in _READ for field in model._meta.concrete_fields)
    return f"""
        SELECT {columns} FROM loyalty_redemptions r
          LEFT JOIN loyalty_rewards w ON w.id = r.reward_id
          LEFT JOIN loyalty_ledger_entries e ON e.id = r.entry_id
          WHERE r.merchant_id = %s::uuid AND r.key = %s::text"""


def _made(model: type[Model], values: tuple[Any, ...]) -> Any:
    fields = model._meta.concrete_fields
    assert isinstance(fields[0], models.UUIDField)  # noqa: S101 (a row is there where its id is)
    read = [
        json.loads(value) if isinstance(field, models.JSONField) and isinstance(value, str) else value
        for field, value in zip(fields, values, strict=True)
    ]
    return model.from_db("default", [field.attname for field in fields], read)
