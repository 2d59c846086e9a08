"""What all doors take: strict inputs with clear errors."""

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils import timezone
from rest_framework import serializers
from rest_framework.fields import get_error_detail

MOST_METADATA = 8_192


class Input(serializers.Serializer[Any]):
    """A body or a query. Names that nobody asked for are refused, nested ones too."""

    default_error_messages = {"unknown_field": "There is no such field here."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                message = str(self.error_messages["unknown_field"])
                raise serializers.ValidationError(
                    {name[:100]: serializers.ErrorDetail(message, "unknown_field") for name in unknown[:20]}
                )
            return self._of_each_field(data)
        return super().to_internal_value(data)

    def _of_each_field(self, data: Mapping[str, Any]) -> dict[str, Any]:
        # As DRF does it, but without an exception for every field that may be absent and is: most are.
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for field in self._writable_fields:
            name: Any = field.field_name
            if name not in data and not field.required and field.default is serializers.empty:
                continue
            try:
                value = field.run_validation(field.get_value(data))
                check = getattr(self, f"validate_{name}", None)
                if check is not None:
                    value = check(value)
            except serializers.ValidationError as error:
                errors[name] = error.detail
            except DjangoValidationError as error:
                errors[name] = get_error_detail(error)
            except serializers.SkipField:
                pass
            else:
                self.set_value(values, field.source_attrs, value)
        if errors:
            raise serializers.ValidationError(errors)
        return values


# They turn the direction of what follows, so that a text reads as another one than it is.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


class Text(serializers.CharField):
    """A line of text without control characters, white space around it dropped. Any script, either direction."""

    default_error_messages = {"control_characters": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        if not text.isprintable() and any(
            character in _TURNS or unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text
        ):
            self.fail("control_characters")
        return text


class Reference(Text):
    """The caller's own number of an order, a refund or an operation: 1 to 64 printable characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 64, **options})

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.isprintable():
            self.fail("control_characters")
        return text


class Items(serializers.JSONField):
    """What was bought: a list of at most 200 objects, 16 KiB as JSON, kept as given."""

    default_error_messages = {"not_a_list": "A list of objects is expected.", "too_large": "It is too large."}

    def to_internal_value(self, data: Any) -> list[dict[str, Any]]:
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            self.fail("not_a_list")
        text = json.dumps(data, default=str)
        if len(data) > 200 or len(text) > 16_384:
            self.fail("too_large")
        return json.loads(text)


class Money(serializers.DecimalField):
    """An amount from 0 to 9,999,999,999.99 as a decimal text (a JSON number is taken too), two decimal places."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, min_value=Decimal(0), **options)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, str | int | Decimal):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumber(serializers.IntegerField):
    """A JSON number without fraction; texts and truth values are none."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """true or false; texts and numbers are neither."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class QueryFlag(serializers.BooleanField):
    """true or false in an address."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, str) or data.lower() not in ("true", "false"):
            self.fail("invalid", input=data)
        return data.lower() == "true"


class Id(serializers.UUIDField):
    """A UUID as text."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Locale(serializers.RegexField):
    """A language as BCP 47 writes it, such as de or pt-BR."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,6})?\Z", max_length=10, **options)


class QueryNumber(serializers.IntegerField):
    """A whole number in an address."""


class Moment(serializers.DateTimeField):
    """ISO 8601 with an offset, years 1900 to 2200."""

    default_error_messages = {
        "no_offset": "A time needs an offset, such as Z or +01:00.",
        "out_of_range": "The year must be from 1900 to 2200.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or len(value) > 40:
            self.fail("invalid", format="YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]")
        return super().to_internal_value(value)

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("no_offset")
        if not 1900 <= value.year <= 2200:
            self.fail("out_of_range")
        return value.astimezone(UTC)


class BirthDate(serializers.DateField):
    """A date from 1900 to today."""

    default_error_messages = {"out_of_range": "A date of birth lies from 1900 to today."}

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or len(value) > 10:
            self.fail("invalid", format="YYYY-MM-DD")
        born: date = super().to_internal_value(value)
        if born.year < 1900 or born > timezone.now().date():
            self.fail("out_of_range")
        return born


class Metadata(serializers.JSONField):
    """An object of the caller's own, at most 8 KiB as JSON; its keys are kept as given."""

    default_error_messages = {"not_an_object": "An object is expected.", "too_large": "It is larger than 8 KiB."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        plain = json.loads(json.dumps(data, default=str))
        if len(json.dumps(plain)) > MOST_METADATA:
            self.fail("too_large")
        return plain


def moment(value: datetime | None) -> str | None:
    """A time as the API writes it: ISO 8601 in UTC."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
