"""Cards and entries as staff see them, and what is done to them."""

from typing import Any

from rest_framework import serializers

from loyalty.api import shapes
from loyalty.api.staff.inputs import Reason
from loyalty.api.staff.pages import ListQuery
from loyalty.models import EntryType, LedgerEntry, Member
from loyalty.models.programs import MOST_POINTS
from loyalty_site.http.fields import Id, Input, Text, WholeNumber


class CardsQuery(ListQuery):
    """`search` is a name, an e-mail address, a phone number or a card number, or a part of one of them."""

    search = Text(required=False, max_length=100)
    merchant = Text(required=False, max_length=60)


class TransactionsQuery(ListQuery):
    types = serializers.ListField(
        child=serializers.ChoiceField(EntryType.choices), required=False, help_text="Repeat it for several."
    )


class RestoreInput(Input):
    """Points to give back; with `entryId`, out of what that expiry took."""

    points = WholeNumber(min_value=1, max_value=MOST_POINTS)
    reason = Reason()
    entry_id = Id(required=False)


class AdjustInput(Input):
    """A correction, up or down; never below what is held."""

    points = WholeNumber(min_value=-MOST_POINTS, max_value=MOST_POINTS)
    reason = Reason()


class StaffReplaceInput(Input):
    """Why the member needs another card."""

    reason = Reason()


class PersonOutput(serializers.Serializer[Any]):
    """The person as this merchant knows them; empty texts are unknown."""

    user_id = serializers.UUIDField()
    external_ref = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField(source="phone_number")
    locale = serializers.CharField()
    time_zone = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True)
    marketing_consent = serializers.BooleanField()
    anonymized_at = serializers.DateTimeField(allow_null=True)


class StaffCardOutput(serializers.Serializer[Any]):
    """A card: one member of one program."""

    id = serializers.UUIDField()
    merchant = serializers.CharField(source="merchant.slug")
    program_id = serializers.UUIDField()
    card_number = serializers.CharField()
    person = PersonOutput(source="customer")
    points_balance = serializers.IntegerField()
    points_on_hold = serializers.IntegerField(source="points_held")
    available_points = serializers.IntegerField(source="points_available")
    lifetime_points = serializers.IntegerField()
    stamp_count = serializers.IntegerField()
    tier = serializers.CharField(source="tier.slug", default=None, allow_null=True)
    referral_code = serializers.CharField()
    is_active = serializers.BooleanField()
    enrolled_at = serializers.DateTimeField(allow_null=True)
    last_activity_at = serializers.DateTimeField()
    last_expiration_warning_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class StaffEntryOutput(serializers.Serializer[Any]):
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
    store_id = serializers.UUIDField(allow_null=True)
    actor_id = serializers.UUIDField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)


class ExportOutput(serializers.Serializer[Any]):
    """All that is stored of a person at one merchant: rows by table."""

    exported_at = serializers.DateTimeField()
    tables = serializers.DictField(child=serializers.ListField(child=serializers.DictField()))


def card(member: Member) -> Any:
    """The card; program, tier, customer and merchant are at hand."""
    return StaffCardOutput(member).data


def entry(row: LedgerEntry) -> dict[str, Any]:
    """The entry, with who and what wrote it."""
    return shapes.entry(row) | {
        "store_id": str(row.store_id) if row.store_id else None,
        "actor_id": str(row.actor_id) if row.actor_id else None,
        "run_id": str(row.run_id) if row.run_id else None,
    }
