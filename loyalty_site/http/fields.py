"""What all doors take: strict inputs with clear errors."""

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework import serializers

MOST_METADATA = 8_192


class Input(serializers.Serializer[Any]):
    """A body or a query. Names that nobody asked for are refused, nested ones too."""

    default_error_messages = {"unknown_field": "There is no such field here."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                message = self.error_messages["unknown_field"]
                raise serializers.ValidationError(
                    {name[:100]: serializers.ErrorDetail(message, "unknown_field") for name in unknown[:20]}
                )
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """A line of text without control characters, white space around it dropped."""

    default_error_messages = {"control_characters": "Control characters are not allowed."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        if any(unicodedata.category(character) == "Cc" for character in text):
            self.fail("control_characters")
        return text


class Money(serializers.DecimalField):
    """An amount from 0 to 9,999,999,999.99 as a decimal text (a JSON number is taken too), two decimal places."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, min_value=Decimal(0), **options)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumber(serializers.IntegerField):
    """A JSON number without fraction; texts and truth values are none."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class QueryNumber(serializers.IntegerField):
    """A whole number in an address."""


class Moment(serializers.DateTimeField):
    """ISO 8601 with an offset, years 1900 to 2200."""

    default_error_messages = {
        "no_offset": "A time needs an offset, such as Z or +01:00.",
        "out_of_range": "The year must be from 1900 to 2200.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("no_offset")
        if not 1900 <= value.year <= 2200:
            self.fail("out_of_range")
        return value.astimezone(UTC)


class Metadata(serializers.JSONField):
    """An object of the caller's own, at most 8 KiB as JSON; its keys are kept as given."""

    default_error_messages = {"not_an_object": "An object is expected.", "too_large": "It is larger than 8 KiB."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_an_object")
        plain = json.loads(json.dumps(data, default=str))
        if len(json.dumps(plain)) > MOST_METADATA:
            self.fail("too_large")
        return plain  # type: ignore[no-any-return]


def moment(value: datetime | None) -> str | None:
    """A time as the API writes it: ISO 8601 in UTC."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")
