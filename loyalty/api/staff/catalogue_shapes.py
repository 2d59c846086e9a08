"""Programs, tiers, rewards and stores: what staff write and read of them."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from loyalty import links
from loyalty.api.staff.inputs import ModelInput, Slug, Truth
from loyalty.api.staff.pages import ListQuery
from loyalty.models import Program, Reward, Tier
from loyalty_site.http.fields import Id, Locale, Moment, Text
from loyalty_site.tenants.models import Store

RULES = [
    "name",
    "is_active",
    "currency",
    "locale",
    "time_zone",
    "point_value",
    "points_per_unit",
    "minimum_purchase",
    "max_points_per_order",
    "max_points_per_day",
    "welcome_bonus",
    "double_opt_in",
    "stamps_target",
    "minutes_between_stamps",
    "stamps_per_day",
    "expiry_policy",
    "points_expiration_days",
    "points_valid_days",
    "expiration_warning_days",
    "warn_before_expiring",
    "hold_days",
    "void_hours",
    "tier_basis",
    "downgrade_policy",
    "downgrade_warning_days",
]


class CatalogueQuery(ListQuery):
    """A page of the rows of every merchant of the user, or of one."""

    merchant = Text(required=False, max_length=60)


class ProgramChangeInput(ModelInput):
    """The rules of a program; those left out stay as they are."""

    locale = Locale(required=False)
    confirm_shorter_expiry = Truth(
        required=False,
        help_text=(
            "Rules under which points expire sooner are refused with 409 `expiry_would_shorten`, which says in "
            "`members`, `points` and `unwarned` what the run at `night` would take. Sent again with true, they stand."
        ),
    )

    class Meta:
        model = Program
        fields: ClassVar[Any] = [*RULES, "confirm_shorter_expiry"]


class ProgramInput(ModelInput):
    """A new program of a merchant; rules left out have their defaults."""

    merchant = Slug()
    locale = Locale(required=False)

    class Meta:
        model = Program
        fields: ClassVar[Any] = ["merchant", *RULES]


class TierChangeInput(ModelInput):
    """A level of a program; fields left out stay as they are."""

    slug = Slug()
    benefits = serializers.ListField(child=Text(max_length=200), max_length=50, required=False)

    class Meta:
        model = Tier
        fields: ClassVar[Any] = [
            "slug", "name", "description", "point_threshold", "multiplier", "benefits", "is_active"
        ]  # fmt: skip


class TierInput(TierChangeInput):
    """A new level of a program."""

    program_id = Id()

    class Meta(TierChangeInput.Meta):
        fields: ClassVar[Any] = ["program_id", *TierChangeInput.Meta.fields]


class RewardChangeInput(ModelInput):
    """Something the program gives for points; fields left out stay as they are."""

    slug = Slug()
    starts_at = Moment(required=False, allow_null=True)
    ends_at = Moment(required=False, allow_null=True)
    minimum_tier_id = serializers.UUIDField(required=False, allow_null=True)

    class Meta:
        model = Reward
        fields: ClassVar[Any] = [
            "slug",
            "name",
            "description",
            "cost_points",
            "kind",
            "sku",
            "instructions",
            "starts_at",
            "ends_at",
            "stock",
            "limit_per_member",
            "minimum_tier_id",
            "is_active",
        ]


class RewardInput(RewardChangeInput):
    """A new reward of a program."""

    program_id = Id()

    class Meta(RewardChangeInput.Meta):
        fields: ClassVar[Any] = ["program_id", *RewardChangeInput.Meta.fields]


class StoreChangeInput(ModelInput):
    """A shop, a till or a web shop; fields left out stay as they are."""

    class Meta:
        model = Store
        fields: ClassVar[Any] = ["reference", "name", "is_active"]


class StoreInput(StoreChangeInput):
    """A new store of a merchant."""

    merchant = Slug()

    class Meta(StoreChangeInput.Meta):
        fields: ClassVar[Any] = ["merchant", *StoreChangeInput.Meta.fields]


class ProgramOutput(serializers.ModelSerializer[Program]):
    """A program and its rules."""

    merchant = serializers.CharField(source="merchant.slug")

    class Meta:
        model = Program
        fields: ClassVar[Any] = ["id", "merchant", *RULES, "created_at"]


class StaffTierOutput(serializers.ModelSerializer[Tier]):
    """A level of a program."""

    program_id = serializers.UUIDField()
    merchant = serializers.CharField(source="program.merchant.slug")
    benefits = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Tier
        fields: ClassVar[Any] = ["id", "merchant", "program_id", *TierChangeInput.Meta.fields]


class StaffRewardOutput(serializers.ModelSerializer[Reward]):
    """A reward of a program. `stock` is what is left; `codesLeft` is of its pool, null where it gives no codes."""

    program_id = serializers.UUIDField()
    minimum_tier_id = serializers.UUIDField(allow_null=True)
    merchant = serializers.CharField(source="program.merchant.slug")
    picture = serializers.SerializerMethodField()
    codes_left = serializers.SerializerMethodField()

    class Meta:
        model = Reward
        fields: ClassVar[Any] = [
            "id", "merchant", "program_id", *RewardChangeInput.Meta.fields, "picture", "codes_left", "created_at"
        ]  # fmt: skip

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_picture(self, reward: Reward) -> str | None:
        picture_id = getattr(reward, "picture_id", None)
        return links.picture(picture_id) if picture_id is not None else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_codes_left(self, reward: Reward) -> int | None:
        return (getattr(reward, "codes_left", None) or 0) if reward.gives_codes else None


class StoreOutput(serializers.ModelSerializer[Store]):
    """A store of a merchant."""

    merchant = serializers.CharField(source="merchant.slug")

    class Meta:
        model = Store
        fields: ClassVar[Any] = ["id", "merchant", *StoreChangeInput.Meta.fields, "created_at"]
