"""What an event is: a frozen dataclass of plain values."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from json import JSONEncoder
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that has happened. Subclass it in the app's `events.py`, frozen, and give it a `kind`.

        @dataclass(frozen=True, kw_only=True)
        class PointsEarned(outbox.Event):
            kind = "loyalty.points_earned"
            member_id: UUID
            points: int

    Its fields are its facts: they are stored as JSON, where UUIDs, times, dates and decimals become strings.
    """

    kind: ClassVar[str]
    merchant_id: UUID
    occurred_at: datetime


def facts_of(event: Event) -> dict[str, Any]:
    """The event's fields by name, values as they are: to be read, not changed."""
    return vars(event)


def as_json(value: Any) -> str:
    """The JSON text of facts, or of a list of them."""
    return _encoder.encode(value)


def _plain(value: Any) -> Any:
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"An event cannot carry a {type(value).__name__}: {value!r}.")


_encoder = JSONEncoder(default=_plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
