"""What the store door takes and answers."""

from typing import Any

from rest_framework import serializers

from loyalty.models import EntryType
from loyalty_site.http.fields import Input, Moment, Money, Text


class EarnInput(Input):
    """A purchase. `orderReference` is unique per merchant; tills whose numbers repeat prefix them with the store."""

    amount = Money()
    currency = serializers.RegexField(r"^[A-Z]{3}$", required=False)
    order_reference = Text(max_length=64)
    occurred_at = Moment(required=False)
    items = serializers.ListField(child=serializers.DictField(), required=False, max_length=200)


class Entry(serializers.Serializer[Any]):
    """A ledger entry. Points and stamps are signed; balances are those after it."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    entry_type = serializers.ChoiceField(EntryType.choices)
    points = serializers.IntegerField()
    points_balance = serializers.IntegerField()
    stamps = serializers.IntegerField()
    stamp_count = serializers.IntegerField()
    requested = serializers.IntegerField(allow_null=True)
    shortfall = serializers.IntegerField()
    order_reference = serializers.CharField(allow_null=True)
    answers = serializers.UUIDField(allow_null=True)
    description = serializers.CharField()
    metadata = serializers.DictField()
    occurred_at = serializers.DateTimeField()
