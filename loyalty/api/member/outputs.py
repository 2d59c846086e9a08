"""What members, and operators about them, are answered. The field lists are complete."""

from typing import Any

from rest_framework import serializers

from loyalty.models import EntryType


class CatalogueTier(serializers.Serializer[Any]):
    """A level of the program."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    point_threshold = serializers.IntegerField()
    benefits = serializers.ListField(child=serializers.CharField())
    is_active = serializers.BooleanField()


class CatalogueReward(serializers.Serializer[Any]):
    """Something the program gives for points."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    cost_points = serializers.IntegerField()
    is_active = serializers.BooleanField()


class ExpiringPoints(serializers.Serializer[Any]):
    """Points that will expire, of one credit; or all that is available, where the member stays away until then."""

    expires_at = serializers.DateTimeField()
    points = serializers.IntegerField()
    remaining_points = serializers.IntegerField()
    status = serializers.CharField()


class MemberOverview(serializers.Serializer[Any]):
    """A member: points, tier (by slug), the way to the next one (0 to 1), and the five that expire soonest."""

    id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    current_tier = serializers.CharField(allow_null=True)
    next_tier = serializers.CharField(allow_null=True)
    points_balance = serializers.IntegerField()
    points_on_hold = serializers.IntegerField()
    available_points = serializers.IntegerField()
    lifetime_points = serializers.IntegerField()
    progress_to_next_tier = serializers.FloatField(min_value=0, max_value=1)
    referral_code = serializers.CharField()
    upcoming_benefits = serializers.ListField(child=serializers.CharField())
    expiring_points = ExpiringPoints(many=True)


class LedgerLine(serializers.Serializer[Any]):
    """An entry of the member's ledger. `amount` is points, signed, the same as `balanceDelta`; 0 for stamps, whose
    number and sum stand in `metadata` as `stamps_delta` and `stamps_balance_after`."""

    id = serializers.UUIDField()
    occurred_at = serializers.DateTimeField()
    entry_type = serializers.ChoiceField(EntryType.choices)
    amount = serializers.IntegerField()
    description = serializers.CharField()
    balance_before = serializers.IntegerField()
    balance_after = serializers.IntegerField()
    balance_delta = serializers.IntegerField()
    checkout_intent_id = serializers.CharField(allow_null=True)
    checkout_order_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField()


class LedgerPage(serializers.Serializer[Any]):
    """Entries, newest first; `nextCursor` leads on, and is null at the end."""

    entries = LedgerLine(many=True)
    next_cursor = serializers.CharField(allow_null=True)
