"""An event of the tests' own, and a subscriber's table to write into."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from loyalty_site import outbox

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CAFE = UUID("0195c000-0000-7000-8000-000000000001")


@dataclass(frozen=True, kw_only=True)
class Happened(outbox.Event):
    kind = "tests.happened"
    number: int


@dataclass(frozen=True, kw_only=True)
class HappenedElsewhere(Happened):
    kind = "tests.happened_elsewhere"


def happened(number: int) -> Happened:
    return Happened(merchant_id=CAFE, occurred_at=NOON, number=number)


def publish(*numbers: int) -> None:
    with transaction.atomic():
        outbox.publish_many(happened(number) for number in numbers)


def note(name: str, events: list[Any]) -> None:
    """What a subscriber does here: one row an event."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO heard (subscriber, number) VALUES (%s, %s)",
            [(name, event.facts["number"]) for event in events],
        )
