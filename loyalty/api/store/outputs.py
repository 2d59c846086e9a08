"""What the store door answers."""

from typing import Any

from rest_framework import serializers

from loyalty.models import EntryType, Redemption


class WalletLinks(serializers.Serializer[Any]):
    """Where the card is added to a phone."""

    apple = serializers.CharField()
    google = serializers.CharField()


class Card(serializers.Serializer[Any]):
    """A card: one person's membership, their points and stamps. Texts that are unknown are empty."""

    id = serializers.UUIDField()
    card_number = serializers.CharField()
    qr_payload = serializers.CharField()
    wallet_links = WalletLinks()
    user_id = serializers.UUIDField()
    external_ref = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    locale = serializers.CharField()
    marketing_consent = serializers.BooleanField()
    is_active = serializers.BooleanField()
    enrolled_at = serializers.DateTimeField(allow_null=True)
    tier = serializers.CharField(allow_null=True)
    points_balance = serializers.IntegerField()
    points_on_hold = serializers.IntegerField()
    available_points = serializers.IntegerField()
    lifetime_points = serializers.IntegerField()
    stamp_count = serializers.IntegerField()
    stamps_target = serializers.IntegerField()
    rewards_ready = serializers.IntegerField()
    referral_code = serializers.CharField()


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


class Refund(Entry):
    """A refund: `taken` points went, `shortfall` were asked for and not there; they are not owed."""

    taken = serializers.IntegerField()


class Preview(serializers.Serializer[Any]):
    """What the purchase would earn now, and why: the rule, its rate, multiplier and caps."""

    points = serializers.IntegerField()
    why = serializers.DictField()


class Spent(serializers.Serializer[Any]):
    """Points that were spent: the redemption and its ledger entry."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(Redemption.Status.choices)
    points_cost = serializers.IntegerField()
    quantity = serializers.IntegerField()
    reward_slug = serializers.CharField(allow_null=True)
    order_reference = serializers.CharField(allow_null=True)
    requested_at = serializers.DateTimeField()
    fulfilled_at = serializers.DateTimeField(allow_null=True)
    entry = Entry(allow_null=True)


class EntryPage(serializers.Serializer[Any]):
    """Entries, newest first; `nextCursor` leads on, and is null at the end."""

    transactions = Entry(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MemberToken(serializers.Serializer[Any]):
    """A token for the storefront's signed-in customer; `Authorization: Bearer <token>` at the member door."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    user_id = serializers.UUIDField()


class StoreTier(serializers.Serializer[Any]):
    """A level of the program."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    point_threshold = serializers.IntegerField()
    multiplier = serializers.CharField()
    benefits = serializers.ListField(child=serializers.CharField())


class StoreReward(serializers.Serializer[Any]):
    """Something the program gives for points."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    cost_points = serializers.IntegerField()


class StoreProgram(serializers.Serializer[Any]):
    """The program, for a till's screen: what a purchase earns, what a full stamp card is, tiers and rewards."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    currency = serializers.CharField()
    locale = serializers.CharField()
    time_zone = serializers.CharField()
    points_per_unit = serializers.CharField()
    minimum_purchase = serializers.CharField()
    welcome_bonus = serializers.IntegerField()
    stamps_target = serializers.IntegerField()
    minutes_between_stamps = serializers.IntegerField()
    stamps_per_day = serializers.IntegerField(allow_null=True)
    expiry_policy = serializers.CharField()
    void_hours = serializers.IntegerField()
    tiers = StoreTier(many=True)
    rewards = StoreReward(many=True)


class BatchResult(serializers.Serializer[Any]):
    """What became of one operation: the status and body it would have had alone, or the problem."""

    client_id = serializers.CharField(allow_null=True)
    op = serializers.CharField(allow_null=True)
    status = serializers.IntegerField()
    replayed = serializers.BooleanField()
    result = serializers.DictField(allow_null=True)
    problem = serializers.DictField(allow_null=True)


class BatchOutput(serializers.Serializer[Any]):
    """One result for each operation, in their order."""

    results = BatchResult(many=True)
