"""Redemptions, intents and cards, as members and operators are answered. The field lists are complete."""

from typing import Any

from rest_framework import serializers

from loyalty.models import CheckoutIntent, Redemption


class RedemptionOutput(serializers.Serializer[Any]):
    """A redemption; `pointsCost` is the total. `failureReason` says why it came to nothing, where somebody said."""

    id = serializers.UUIDField()
    member_id = serializers.UUIDField()
    reward_id = serializers.UUIDField(allow_null=True)
    status = serializers.ChoiceField(Redemption.Status.choices)
    points_cost = serializers.IntegerField()
    quantity = serializers.IntegerField()
    requested_at = serializers.DateTimeField()
    fulfilled_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    failure_reason = serializers.CharField(allow_null=True)


class RedemptionPage(serializers.Serializer[Any]):
    """Redemptions, newest first; `pendingCount` counts those that are open, whatever was asked for."""

    redemptions = RedemptionOutput(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    pending_count = serializers.IntegerField()


class IntentOutput(serializers.Serializer[Any]):
    """An intent. `metadata` has `clientIntentId`, and `redemptionId` or `referralCode`."""

    id = serializers.UUIDField()
    client_intent_id = serializers.CharField()
    kind = serializers.ChoiceField(CheckoutIntent.Kind.choices)
    status = serializers.ChoiceField(CheckoutIntent.Status.choices)
    order_id = serializers.CharField()
    channel = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    metadata = serializers.DictField()


class CardOutput(serializers.Serializer[Any]):
    """An intent in words, in the member's language. `metadata` has `ctaHref` and `intentStatus` besides."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(CheckoutIntent.Kind.choices)
    headline = serializers.CharField()
    description = serializers.CharField()
    cta_label = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    metadata = serializers.DictField()


class NextActions(serializers.Serializer[Any]):
    """What waits, oldest first."""

    intents = IntentOutput(many=True)
    cards = CardOutput(many=True)


class RejectedIntent(serializers.Serializer[Any]):
    """An intent that could not be applied, by its id at the checkout."""

    id = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class CheckoutOutput(serializers.Serializer[Any]):
    """The intents that stand, cards of those that wait, and the intents that do not stand."""

    intents = IntentOutput(many=True)
    cards = CardOutput(many=True)
    rejected = RejectedIntent(many=True)
