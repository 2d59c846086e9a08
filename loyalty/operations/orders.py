"""What a purchase is worth: amounts, references and the points between them (specs/points.md)."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from loyalty.models import Program, Tier
from loyalty_site.refusals import Refusal

LONGEST_REFERENCE = 64
# A key of a posting has 200 characters, the operation's name and the member's id among them.
LONGEST_KEY = 128
MOST_MONEY = Decimal("9999999999.99")
_CENT = Decimal("0.01")


class InvalidAmount(Refusal):
    """Not an amount of money: negative, not a number, too large, or with more than two decimal places."""

    code = "invalid_amount"
    status = 422
    sentence = "The amount must be a number from 0 to 9,999,999,999.99 with at most two decimal places."


class CurrencyMismatch(Refusal):
    """The purchase is in another currency than the program."""

    code = "currency_mismatch"
    status = 422
    sentence = "The program runs in another currency."


class InvalidPoints(Refusal):
    """Points must be a whole number of at least one, and not absurdly many."""

    code = "invalid_points"
    status = 422
    sentence = "Points must be a whole number, from 1 to 1,000,000,000,000."


class InvalidReference(Refusal):
    """A reference is a text of 1 to 64 characters without control characters."""

    code = "invalid_reference"
    status = 422
    sentence = "A reference must be 1 to 64 characters long, without control characters."


def floor(value: Decimal) -> int:
    """The whole number at or below `value`."""
    return int(value.to_integral_value(rounding=ROUND_FLOOR))


def money(amount: Decimal) -> Decimal:
    """`amount` with exactly two decimal places. Raises `InvalidAmount`."""
    if not amount.is_finite() or not 0 <= amount <= MOST_MONEY:
        raise InvalidAmount
    exact = amount.quantize(_CENT)
    if exact != amount:
        raise InvalidAmount
    return exact


def in_currency(program: Program, currency: str | None) -> str:
    """The program's currency, if `currency` is none or the same. Raises `CurrencyMismatch`."""
    if currency is not None and currency != program.currency:
        raise CurrencyMismatch(f"The program runs in {program.currency}, the purchase in {currency}.")
    return program.currency


def reference(text: str) -> str:
    """`text`, if it can be an order's or a refund's reference. Raises `InvalidReference`."""
    if not 1 <= len(text) <= LONGEST_REFERENCE or not text.isprintable():
        raise InvalidReference
    return text


def form_key(key: str | None) -> str | None:
    """`key`, if a form's or a retry's key can be so long. Raises `InvalidReference`."""
    if key is not None and not 1 <= len(key) <= LONGEST_KEY:
        raise InvalidReference(f"A key must be 1 to {LONGEST_KEY} characters long.")
    return key


def whole_points(points: int) -> int:
    """`points`, if they are at least one and can be posted. Raises `InvalidPoints`."""
    if isinstance(points, bool) or not isinstance(points, int) or not 1 <= points <= 10**12:
        raise InvalidPoints
    return points


@dataclass(frozen=True, slots=True)
class Worth:
    """What a purchase earns, and why: `facts` goes into the entry's metadata as it is."""

    points: int
    facts: dict[str, Any] = field(default_factory=dict)


def worth(program: Program, tier: Tier | None, amount: Decimal, *, earned_today: int = 0) -> Worth:
    """Points for a purchase: floor(amount x rate x multiplier), then minimum, cap an order, cap a day.

    `earned_today` is what the member's purchases of that day brought so far; it matters where the program caps days.
    """
    multiplier = tier.multiplier if tier is not None else Decimal(1)
    points = floor(amount * program.points_per_unit * multiplier)
    facts: dict[str, Any] = {
        "amount": str(amount),
        "currency": program.currency,
        "rule": "amount x rate x multiplier",
        "rate": _plain(program.points_per_unit),
        "multiplier": _plain(multiplier),
    }
    if tier is not None:
        facts["tier"] = tier.slug
    if amount < program.minimum_purchase:
        return Worth(0, facts | {"minimum_purchase": str(program.minimum_purchase), "nothing_for": "below_minimum"})
    if points == 0:
        return Worth(0, facts | {"nothing_for": "less_than_a_point"})
    caps = [("order", program.max_points_per_order)]
    if program.max_points_per_day is not None:
        caps.append(("day", max(0, program.max_points_per_day - earned_today)))
    for name, cap in caps:
        if cap is not None and points > cap:
            facts["cap"] = {"of": name, "left": cap, "before": points}
            points = cap
    if points == 0:
        facts["nothing_for"] = "cap_reached"
    return Worth(points, facts)


def day_of(program: Program, moment: datetime) -> tuple[datetime, datetime]:
    """Beginning and end of the calendar day of `moment` in the program's zone."""
    local = moment.astimezone(program.zone).date()
    begin = datetime.combine(local, time.min, tzinfo=program.zone)
    return begin, datetime.combine(local + timedelta(days=1), time.min, tzinfo=program.zone)


def expiry_of_credit(program: Program, occurred_at: datetime) -> datetime | None:
    """When points credited at `occurred_at` expire under a lots policy; None: they carry no date."""
    return occurred_at + program.validity_period if program.expires_by_lots else None


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
