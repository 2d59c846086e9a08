"""data/RULES.md once more, as short as it can be said: one member's points after another, order by order."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

DAY = timedelta(days=1)


@dataclass
class Model:
    """What both rules come to. `orders`: (time, is refund, reference, customer, whole points)."""

    days: int
    by_lots: bool
    figures: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(["issued", "requested", "taken", "expired", "events"], 0)
    )
    # Of each customer: points with the time of their sale, oldest first.
    lots: dict[str, list[list[Any]]] = field(default_factory=dict)
    clock: dict[str, datetime] = field(default_factory=dict)

    def go_through(self, orders: list[tuple[datetime, bool, str, str, int]]) -> None:
        orders = sorted(orders)
        night = orders[0][0].replace(hour=2, minute=0, second=0)
        if night < orders[0][0]:
            night += DAY
        last = orders[0][0]
        while True:
            while orders and orders[0][0] <= night:
                last = orders[0][0]
                self.book(*orders.pop(0))
            self.expire(night)
            if not orders and night > last:
                return
            night += DAY

    def book(self, at: datetime, is_refund: bool, reference: str, customer: str, points: int) -> None:
        lots = self.lots.setdefault(customer, [])
        if not is_refund:
            self.clock[customer] = at
            self.figures["issued"] += points
            lots.append([at, points])
            return
        self.figures["requested"] += points
        for lot in lots:
            taken = min(points, lot[1])
            lot[1] -= taken
            points -= taken
            self.figures["taken"] += taken

    def expire(self, night: datetime) -> None:
        due = night - self.days * DAY
        for customer, lots in self.lots.items():
            dead = [lot for lot in lots if lot[1] and (lot[0] <= due if self.by_lots else self.clock[customer] <= due)]
            self.figures["events"] += len(dead) if self.by_lots else bool(dead)
            for lot in dead:
                self.figures["expired"] += lot[1]
                lot[1] = 0

    def balances(self) -> dict[str, int]:
        return {customer: sum(points for _, points in lots) for customer, lots in self.lots.items()}
