"""A shop whose past is a handful of orders: written as a file, replayed and reported in one call."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from loyalty.models import ExpiryPolicy, Member, Program
from loyalty.replay.reading import OrderFile, read
from loyalty.replay.replaying import replay
from loyalty.replay.reporting import report
from loyalty.replay.rules import Rules

HEADER = (
    "order_ref,customer_ref,store_ref,ordered_at,total_amount,currency,kind,original_order_ref,line_count,item_count"
)


def when(text: str) -> datetime:
    """`"01 02:00:00"`: a time in January 2020."""
    return datetime.fromisoformat(f"2020-01-{text}").replace(tzinfo=UTC)


def row(reference: str, customer: str, at: str, amount: str, kind: str = "sale", **more: str) -> str:
    """A line of the file; `at` is day and time in January 2020."""
    moment = f"2020-01-{at.replace(' ', 'T')}Z"
    return ",".join(
        [reference, customer, more.get("store", "web"), moment, amount, "GBP", kind, more.get("original", ""), "1", "1"]
    )


def rules(policy: ExpiryPolicy = ExpiryPolicy.INACTIVITY, days: int | None = 2, **more: Any) -> Rules:
    given: dict[str, Any] = {
        "currency": "GBP",
        "rate": Decimal(1),
        "policy": policy,
        "days": days,
        "stamp_min": Decimal("5.00"),
        "stamps_target": 3,
    }
    return Rules(**(given | more))


@dataclass
class Shop:
    """Replays rows under one slug, as often as asked; `report` is the last one's."""

    folder: Path
    slug: str = "gifts"
    report: dict[str, Any] = field(default_factory=dict)

    def file(self, *rows: str) -> Path:
        path = self.folder / f"{self.slug}.csv"
        path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        return path

    def read(self, *rows: str, by: Rules | None = None, **more: Any) -> OrderFile:
        return read(self.file(*rows), by or rules(), **more)

    def replay(self, *rows: str, by: Rules | None = None, until: datetime | None = None) -> dict[str, Any]:
        """Replay the rows and return the rule's own object of the report."""
        by = by or rules()
        file = self.read(*rows, by=by)
        program = replay(file, slug=self.slug, rules=by, until=until)
        self.report = report(file, program, by, until=until)
        found: dict[str, Any] = self.report[by.name]
        return found

    @property
    def program(self) -> Program:
        return Program.objects.get(merchant__slug=self.slug)

    def member(self, customer: str) -> Member:
        return Member.objects.get(program=self.program, customer__external_ref=customer)

    def balances(self) -> dict[str, int]:
        members = Member.objects.filter(program__merchant__slug=self.slug)
        return dict(members.values_list("customer__external_ref", "points_balance"))
