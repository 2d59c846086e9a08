"""One row of the file: what it must be, and what is wrong with it."""

import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from loyalty.models.programs import MOST_POINTS
from loyalty.operations.orders import floor
from loyalty.replay.rules import Rules

REQUIRED = ("order_ref", "customer_ref", "store_ref", "ordered_at", "total_amount", "currency", "kind")
ORIGINAL = "original_order_ref"

_MOST_CHARACTERS = 64
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", re.ASCII)
_AMOUNT = re.compile(r"\d{1,10}(\.\d{1,2})?", re.ASCII)
# A slip of the pen in a year would be centuries of nightly runs.
_YEARS = range(1970, 2200)


class BadField(Exception):
    """A field that is not what its column says."""

    def __init__(self, column: str, problem: str) -> None:
        self.column, self.problem = column, problem
        super().__init__(f"{column}: {problem}")


@dataclass(frozen=True, slots=True)
class Order:
    """A sale or a refund. Without a customer it is a guest's."""

    line: int
    reference: str
    customer: str
    store: str
    at: datetime
    amount: Decimal
    is_refund: bool
    original: str

    @property
    def place(self) -> tuple[datetime, bool, str]:
        """Where it stands among all orders: by time, then sale before refund, then reference by code point."""
        return self.at, self.is_refund, self.reference


def parse(fields: dict[str, str], line: int, rules: Rules) -> Order:
    """The order of a row, checked field by field. Raises `BadField` for the first that is wrong."""
    reference = _reference(fields, "order_ref")
    if not reference:
        raise BadField("order_ref", "is empty")
    store = _reference(fields, "store_ref")
    if not store:
        raise BadField("store_ref", "is empty")
    kind = fields["kind"]
    if kind not in ("sale", "refund"):
        raise BadField("kind", f"is neither sale nor refund but {_shown(kind)}")
    if fields["currency"] != rules.currency:
        raise BadField("currency", f"is {_shown(fields['currency'])}, not {rules.currency}")
    original = _reference(fields, ORIGINAL) if ORIGINAL in fields else ""
    if original and kind == "sale":
        raise BadField(ORIGINAL, "stands on a sale; only a refund has one")
    return Order(
        line=line,
        reference=reference,
        # The same few texts stand on many rows.
        customer=sys.intern(_reference(fields, "customer_ref")),
        store=sys.intern(store),
        at=_time(fields["ordered_at"]),
        amount=_amount(fields["total_amount"], rules),
        is_refund=kind == "refund",
        original=original,
    )


def _reference(fields: dict[str, str], column: str) -> str:
    text = fields[column]
    if len(text) > _MOST_CHARACTERS:
        raise BadField(column, f"is longer than {_MOST_CHARACTERS} characters")
    if not text.isprintable():
        raise BadField(column, f"has a character that cannot be printed: {_shown(text)}")
    if text != text.strip():
        raise BadField(column, f"begins or ends with a space: {_shown(text)}")
    return text


def _time(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise BadField("ordered_at", f"is not a time such as 2011-12-09T12:50:00Z but {_shown(text)}")
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadField("ordered_at", f"is no time there ever was: {_shown(text)}") from error
    if moment.year not in _YEARS:
        raise BadField("ordered_at", f"is before {_YEARS[0]} or after {_YEARS[-1]}: {_shown(text)}")
    return moment


def _amount(text: str, rules: Rules) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise BadField("total_amount", f"is not an amount such as 139.12, 0.00 or more, but {_shown(text)}")
    amount = Decimal(text)
    if floor(amount * rules.rate) > MOST_POINTS:
        raise BadField("total_amount", f"is worth more than {MOST_POINTS:,} points: {_shown(text)}")
    return amount


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}...")
