"""What the store door takes."""

from typing import Any

from rest_framework import serializers

from loyalty.models import EntryType
from loyalty_site.http.fields import (
    BirthDate,
    Flag,
    Id,
    Input,
    Items,
    Locale,
    Moment,
    Money,
    Reference,
    Text,
    WholeNumber,
)
from loyalty_site.http.pagination import PageQuery

CURRENCY = r"^[A-Z]{3}$"


class EnrollInput(Input):
    """A person. `email`, `phone` (with + and country) or `externalRef` says who it is; give one at least."""

    email = Text(max_length=254, required=False)
    phone = Text(max_length=32, required=False)
    external_ref = Reference(required=False)
    first_name = Text(max_length=80, required=False, allow_blank=True, default="")
    last_name = Text(max_length=80, required=False, allow_blank=True, default="")
    locale = Locale(required=False)
    birth_date = BirthDate(required=False)
    marketing_consent = Flag(required=False, default=False)

    default_error_messages = {"nobody": "Give an e-mail address, a phone number or an external reference."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(attrs.get(name) for name in ("email", "phone", "external_ref")):
            self.fail("nobody")
        return attrs


class LookUpQuery(Input):
    """Whom to look up: one of the three."""

    phone = Text(max_length=32, required=False)
    email = Text(max_length=254, required=False)
    external_ref = Reference(required=False)

    default_error_messages = {"one": "Give one of phone, email and externalRef."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            self.fail("one")
        return attrs


class EarnInput(Input):
    """A purchase. `orderReference` is unique per merchant; tills whose numbers repeat prefix them with the store."""

    amount = Money()
    currency = serializers.RegexField(CURRENCY, required=False)
    order_reference = Reference()
    occurred_at = Moment(required=False)
    items = Items(required=False)


class PreviewInput(Input):
    """A purchase that may come."""

    amount = Money()
    currency = serializers.RegexField(CURRENCY, required=False)


class RedeemInput(Input):
    """Points to spend, or the reward to spend them on."""

    points = WholeNumber(required=False, min_value=1, max_value=10**12)
    reward_slug = serializers.SlugField(required=False, max_length=60)
    order_reference = Reference()
    occurred_at = Moment(required=False)

    default_error_messages = {"one": "Give points or rewardSlug, one of the two."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("points" in attrs) == ("reward_slug" in attrs):
            self.fail("one")
        return attrs


class RefundInput(Input):
    """Money given back. With the order's reference its points are taken back, else those of the amount."""

    amount = Money()
    currency = serializers.RegexField(CURRENCY, required=False)
    refund_reference = Reference()
    order_reference = Reference(required=False)
    occurred_at = Moment(required=False)


class VoidInput(Input):
    """Why it is undone."""

    reason = Text(max_length=500)


class StampInput(Input):
    """Stamps for the card; with an order reference, once."""

    count = WholeNumber(required=False, default=1, min_value=1, max_value=100)
    order_reference = Reference(required=False)
    occurred_at = Moment(required=False)


class StampsRedeemInput(Input):
    """A full card is handed in. With a reference, once."""

    reference = Reference(required=False)
    occurred_at = Moment(required=False)


class StampsVoidInput(Input):
    """Which stamps are undone, and why."""

    entry_id = Id()
    reason = Text(max_length=500)


class ReplaceInput(Input):
    """Why there is a new card."""

    reason = Text(max_length=500)


class SwitchInput(Input):
    """Nothing needs to be said; a reason may be."""

    reason = Text(max_length=500, required=False)


class TransactionsQuery(PageQuery, Input):
    """A page of entries; `types` may be repeated."""

    types = serializers.ListField(child=serializers.ChoiceField(EntryType.choices), required=False, max_length=20)


class MemberTokenInput(Input):
    """Whom the token is for: the storefront's UUID of its customer, or the card."""

    user_id = Id(required=False)
    card_number = Text(max_length=32, required=False)

    default_error_messages = {"one": "Give userId or cardNumber, one of the two."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            self.fail("one")
        return attrs


class BatchInput(Input):
    """Operations a till has queued. Each is checked by itself: a bad one does not keep the others back."""

    operations = serializers.ListField(child=serializers.JSONField(allow_null=True), min_length=1, max_length=100)
