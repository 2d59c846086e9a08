"""What is taken, and what is said of the rest, is what DRF takes and says: we only spare it absent fields."""

from random import Random

import pytest
from rest_framework import serializers

import loyalty_site.urls  # noqa: F401 (names every view, and so every input)
from loyalty_site.http.fields import Input
from loyalty_site.refusals import Refusal

VALUES = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        10**12,
        1.5,
        "",
        " ",
        "a",
        "de",
        "22:00",
        "1.50",
        "12.345",
        "true",
        "earn",
        "active",
    ),
    *("2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "Europe/Berlin", "+352621123456", "12", "EUR"),
    *("x" * 70, "x" * 600, "\u202e", "00000000-0000-0000-0000-000000000007", [], {}, [{}], ["a"], {"a": 1}),
]


def inputs(base=Input):
    for each in base.__subclasses__():
        yield from inputs(each)
        if hasattr(getattr(each, "Meta", Input), "model") or not issubclass(each, serializers.ModelSerializer):
            yield each


def some(field, random):
    """A body that the field may take, or not."""
    if random.random() < 0.15:
        return random.choice(VALUES)
    if isinstance(field, serializers.Serializer):
        return {name: some(each, random) for name, each in field.fields.items() if random.random() < 0.7}
    if isinstance(field, serializers.ListSerializer | serializers.ListField):
        return [some(field.child, random) for _ in range(random.randrange(3))]
    if isinstance(field, serializers.ChoiceField):
        return random.choice([*field.choices, "other"])
    return random.choice(VALUES)


def result(take, body):
    try:
        return take(body)
    except (serializers.ValidationError, Refusal) as error:
        return repr(error.detail)


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("kind", sorted(set(inputs()), key=lambda each: (each.__module__, each.__qualname__)))
def test_an_input_is_validated_as_drf_does(db, kind, partial):
    random, field = Random(kind.__qualname__), kind(partial=partial)
    for _ in range(50):
        body = some(field, random)
        if isinstance(body, dict) and set(body) <= set(field.fields):
            theirs = result(lambda given: serializers.Serializer.to_internal_value(field, given), body)
            assert result(field.to_internal_value, body) == theirs
