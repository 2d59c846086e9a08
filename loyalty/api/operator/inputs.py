"""What operators send about redemptions and checkouts."""

from typing import Any

from rest_framework import serializers

from loyalty.api.staff.inputs import Slug
from loyalty.models import CheckoutIntent
from loyalty.operations.redemptions.offering import MOST_UNITS_AT_ONCE
from loyalty_site.http.fields import Id, Input, Metadata, Moment, Reference, Text, WholeNumber


class Quantity(WholeNumber):
    """How many units."""

    def __init__(self) -> None:
        super().__init__(required=False, default=1, min_value=1, max_value=MOST_UNITS_AT_ONCE)


class Points(WholeNumber):
    """Points in all."""

    def __init__(self) -> None:
        super().__init__(required=False, min_value=1, max_value=10**12)


class RedemptionInput(Input):
    """A reward, or points in all, for a member. Where both are given, the reward counts."""

    reward_slug = Slug(required=False)
    points_cost = Points()
    quantity = Quantity()
    metadata = Metadata(required=False)

    default_error_messages = {"one": "Give rewardSlug or pointsCost."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "points_cost" not in attrs and "reward_slug" not in attrs:
            self.fail("one")
        return attrs


class FulfillInput(Input):
    """What the member's ledger says of it."""

    description = Text(required=False, max_length=500, allow_blank=True)
    metadata = Metadata(required=False)


class FailInput(Input):
    """Why it could not be fulfilled."""

    reason = Text(max_length=500)
    metadata = Metadata(required=False)


class CancelInput(Input):
    """Why it is not wanted any more."""

    reason = Text(required=False, max_length=500, allow_blank=True)
    metadata = Metadata(required=False)


class IntentInput(Input):
    """One intent, by its id at the checkout, unique per member. A redemption is of a reward, or of points in all."""

    id = Reference()
    kind = serializers.ChoiceField(CheckoutIntent.Kind.choices)
    created_at = Moment()
    reward_slug = Slug(required=False)
    reward_name = Text(required=False, max_length=80, allow_blank=True)
    points_cost = Points()
    quantity = Quantity()
    referral_code = Text(required=False, max_length=64, allow_blank=True)
    channel = Text(required=False, max_length=64, allow_blank=True)
    order_id = Reference(required=False)
    expires_at = Moment(required=False)
    metadata = Metadata(required=False)


class CheckoutInput(Input):
    """The intents of an order. `orderId` of an intent, where it is given, is that of the order."""

    order_id = Reference()
    user_id = Id()
    action = serializers.ChoiceField(["confirm", "cancel"], required=False, default="confirm")
    intents = serializers.ListField(child=IntentInput(), min_length=1, max_length=50)

    default_error_messages = {"other_order": "An intent's orderId must be that of the order."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if any(intent.get("order_id", attrs["order_id"]) != attrs["order_id"] for intent in attrs["intents"]):
            self.fail("other_order")
        return attrs
