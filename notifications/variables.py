"""What a text is filled in with: plain values, shown as the language of the message shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from babel.dates import format_date
from babel.numbers import format_decimal

# As JSON has it, or a date; never a row, through which a text could reach others.
Plain = str | int | date | Sequence[str] | None
MOST_ITEMS = 20


class Kind(StrEnum):
    """How a value is shown."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    URL = "url"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Variable:
    """A name a text may use. `most` is the number of characters shown; an item of a list has as many.

    A DATE is given as a date or its ISO 8601 text, already the member's own day. `sample` is one value, or one a
    language.
    """

    name: str
    kind: Kind
    help: Any
    sample: Plain | Mapping[str, Plain]
    required: bool = True
    most: int = 200

    def sample_in(self, locale: str) -> Plain:
        return self.sample[locale] if isinstance(self.sample, Mapping) else self.sample

    @property
    def size(self) -> int:
        """The most characters one mention of it can show; of a list, one item."""
        return _MOST_OF_URL if self.kind == Kind.URL else self.most


_MOST_OF_URL = 2_000
# Of English, the shape of dates that Europe reads.
_SHAPES = {"en": "en_GB"}


class BadVariables(ValueError):
    """Whoever queued the message left something out, or gave what cannot be shown."""


class Number(int):
    """A number that compares as one, and is shown with the separators of a language."""

    shown: str

    def __new__(cls, value: int, locale: str) -> "Number":
        number = super().__new__(cls, value)
        number.shown = format_decimal(value, locale=_SHAPES.get(locale, locale))
        return number

    def __str__(self) -> str:
        return self.shown


def filled_in(variables: Mapping[str, Variable], values: Mapping[str, Any], locale: str) -> dict[str, Any]:
    """The values as a text of that language sees them: `{"member.first_name": ...}` as `{"member": {...}}`.

    What is not among `variables` is left out; what is missing and not required is empty. Raises `BadVariables`.
    """
    missing = [name for name, each in variables.items() if each.required and values.get(name) is None]
    if missing:
        raise BadVariables(f"{', '.join(missing)}: missing")
    context: dict[str, Any] = {}
    for name, variable in variables.items():
        value = values.get(name)
        head, _, tail = name.partition(".")
        shown = _shown(variable, value, locale)
        if tail:
            context.setdefault(head, {})[tail] = shown
        else:
            context[head] = shown
    return context


def _shown(variable: Variable, value: Any, locale: str) -> Any:
    try:
        match variable.kind:
            case Kind.NUMBER:
                return "" if value is None else Number(int(value), locale)
            case Kind.DATE:
                return _date_in_words(_day(value), locale) if value else ""
            case Kind.LIST:
                return [str(each)[: variable.most] for each in value or ()][:MOST_ITEMS]
            case Kind.URL:
                return _address(str(value or ""))
            case Kind.TEXT:
                return str(value or "")[: variable.most]
    except (TypeError, ValueError) as error:
        raise BadVariables(f"{variable.name} cannot be shown as a {variable.kind}: {error}") from error


def _date_in_words(day: date, locale: str) -> str:
    shown = format_date(day, "long", locale=_SHAPES.get(locale, locale))
    # The first of a month is "1er" in French; CLDR has no word for it.
    return f"1er{shown[1:]}" if locale == "fr" and day.day == 1 else shown


def _day(value: Any) -> date:
    day = date.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(day, date):
        raise TypeError("not a day")
    return day


def _address(value: str) -> str:
    if value and (urlsplit(value).scheme not in ("http", "https") or len(value) > _MOST_OF_URL):
        raise ValueError("not an address of the web")
    return value
