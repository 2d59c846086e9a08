"""Strict fields for what staff write; a model's own limits become the input's."""

from typing import Any

from django.db import models
from rest_framework import serializers

from loyalty_site.http.fields import Input, Text, WholeNumber


class Truth(serializers.BooleanField):
    """true or false, nothing that may mean it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Paragraphs(Text):
    """A text that may have several lines."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str):
            # Line ends and tabs are the only control characters a text for people needs.
            super().to_internal_value(data.translate({ord("\n"): " ", ord("\r"): " ", ord("\t"): " "}))
            return serializers.CharField.to_internal_value(self, data)
        return super().to_internal_value(data)


class Quantity(serializers.DecimalField):
    """A decimal number, as a text or as a JSON number."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Slug(Text):
    """Letters, digits, hyphens and underscores, as in an address."""

    def __init__(self, **options: Any) -> None:
        from django.core.validators import validate_slug

        super().__init__(max_length=60, **options)
        self.validators.append(validate_slug)


class ModelInput(Input, serializers.ModelSerializer[Any]):
    """A body that fills in a model's fields, and takes nothing else."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.BooleanField: Truth,
        models.CharField: Text,
        models.TextField: Paragraphs,
        models.DecimalField: Quantity,
        models.IntegerField: WholeNumber,
        models.PositiveIntegerField: WholeNumber,
        models.PositiveBigIntegerField: WholeNumber,
    }

    def get_validators(self) -> list[Any]:
        # What must be unique is the model's to say, whose merchant this body does not name.
        return []


class Reason(Text):
    """Why; it stands in the ledger or beside the card."""

    def __init__(self) -> None:
        super().__init__(max_length=500)


class Nothing(Input):
    """No field is taken."""
