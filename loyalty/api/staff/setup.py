"""Programs, tiers, rewards and stores."""

from copy import copy
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework import serializers

from loyalty import background
from loyalty.api.staff import catalogue_shapes as shape
from loyalty.api.staff.catalogue import CatalogueView, InUse, Listing, Row, listing, row
from loyalty.models import LedgerEntry, Program, Reward, Tier
from loyalty.operations import expiration
from loyalty.queries import catalogue
from loyalty_site.http.fields import moment
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Store


class CurrencyInUse(Refusal):
    """Points were earned in the present currency."""

    code = "currency_in_use"
    sentence = "Points were earned in the present currency already. Make a new program."


class ExpiryWouldShorten(Refusal):
    """Under these rules points expire sooner, and nobody said that this is meant.

    `facts`: night, the next run; members, points and unwarned, what it would take, and from how many never warned.
    """

    code = "expiry_would_shorten"
    sentence = "With these rules points expire sooner. Send confirmShorterExpiry if this is what you want."
    told = ("night", "members", "points", "unwarned")


def _by_role(model: str) -> dict[str, str]:
    return {
        "GET": model.replace(".", ".view_"),
        "POST": model.replace(".", ".add_"),
        "PATCH": model.replace(".", ".change_"),
        "DELETE": model.replace(".", ".delete_"),
    }


class _Programs(CatalogueView):
    model = Program
    sees = "loyalty.view_program"
    permissions = _by_role("loyalty.program")
    name = "programs"
    output = shape.ProgramOutput

    def changed(self, row: Program, names: set[str]) -> None:
        if names & background.RETIERS_PROGRAM and "merchant" not in names:
            background.ask_for_retiering(program=row, actor=self.user, at=timezone.now())


class _OfProgram(Listing):
    """Rows that belong to a program, made with its id."""

    path = "program__merchant_id"
    related = ("program__merchant",)

    def new(self, asked: dict[str, Any]) -> Any:
        program = self.seen(Program.objects.select_related("merchant")).filter(pk=asked.pop("program_id")).first()
        if program is None:
            raise NotFound
        self.demand(program.merchant_id)
        return self.model(program=program, **asked)


class _Tiers(CatalogueView):
    model = Tier
    path = "program__merchant_id"
    related = ("program__merchant",)
    sees = "loyalty.view_tier"
    permissions = _by_role("loyalty.tier")
    name = "tiers"
    output = shape.StaffTierOutput

    def changed(self, row: Tier, names: set[str]) -> None:
        if not names or names & background.RETIERS_TIER:
            background.ask_for_retiering(program=row.program, actor=self.user, at=timezone.now())


class _Rewards(CatalogueView):
    model = Reward
    path = "program__merchant_id"
    related = ("program__merchant",)
    sees = "loyalty.view_reward"
    permissions = _by_role("loyalty.reward")
    name = "rewards"
    output = shape.StaffRewardOutput

    def rows(self) -> Any:
        return catalogue.with_codes_and_picture(super().rows())


def _in_program(tier_id: UUID | None, program_id: UUID) -> None:
    """Raise ValidationError where there is no such tier, or another program has it: the caller is not told which."""
    if tier_id is not None and not Tier.objects.filter(pk=tier_id, program=program_id).exists():
        message = serializers.ErrorDetail("There is no such tier in this program.", "does_not_exist")
        raise serializers.ValidationError({"minimum_tier_id": [message]})


class _Stores(CatalogueView):
    model = Store
    sees = "tenants.view_store"
    permissions = _by_role("tenants.store")
    name = "stores"
    output = shape.StoreOutput


class Programs(_Programs, Listing):
    """GET, POST programs"""

    takes = shape.ProgramInput


class OneProgram(_Programs, Row):
    """GET, PATCH, DELETE programs/{id}"""

    takes = shape.ProgramChangeInput

    def check_change(self, row: Program, asked: dict[str, Any]) -> None:
        confirmed = asked.pop("confirm_shorter_expiry", False)
        moved = asked.get("currency", row.currency) != row.currency
        if moved and LedgerEntry.objects.filter(member__program=row).exists():
            raise CurrencyInUse
        wanted = copy(row)
        for name, value in asked.items():
            setattr(wanted, name, value)
        if expiration.expires_sooner(row, wanted) and not confirmed:
            night = expiration.next_night(timezone.now())
            ahead = expiration.preview(wanted, night)
            raise ExpiryWouldShorten(
                night=moment(night), members=ahead.members, points=ahead.points, unwarned=ahead.unwarned
            )


class Tiers(_Tiers, _OfProgram):
    """GET, POST tiers"""

    takes = shape.TierInput


class OneTier(_Tiers, Row):
    """GET, PATCH, DELETE tiers/{id}"""

    takes = shape.TierChangeInput


class Rewards(_Rewards, _OfProgram):
    """GET, POST rewards"""

    takes = shape.RewardInput

    def new(self, asked: dict[str, Any]) -> Reward:
        reward: Reward = super().new(asked)
        _in_program(reward.minimum_tier_id, reward.program_id)
        return reward


class OneReward(_Rewards, Row):
    """GET, PATCH, DELETE rewards/{id}"""

    takes = shape.RewardChangeInput

    def check_change(self, row: Reward, asked: dict[str, Any]) -> None:
        _in_program(asked.get("minimum_tier_id"), row.program_id)


class Stores(_Stores, Listing):
    """GET, POST stores"""

    takes = shape.StoreInput


class OneStore(_Stores, Row):
    """GET, PATCH, DELETE stores/{id}"""

    takes = shape.StoreChangeInput

    def check_delete(self, row: Store) -> None:
        # No foreign-key constraint leads from an entry to its store.
        if LedgerEntry.objects.filter(merchant_id=row.merchant_id, store=row).exists():
            raise InUse


_PROGRAM = "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b11"

listing(
    "program", "programs", Programs, {"merchant": "cafe", "name": "Café club", "currency": "EUR", "pointsPerUnit": "10"}
)(Programs)
row(
    "program",
    OneProgram,
    {
        "pointsPerUnit": "12.5",
        "expiryPolicy": "inactivity",
        "pointsExpirationDays": 180,
        "confirmShorterExpiry": True,
    },
)(OneProgram)
listing(
    "tier",
    "tiers",
    Tiers,
    {"programId": _PROGRAM, "slug": "gold", "name": "Gold", "pointThreshold": 1000, "multiplier": "1.5"},
)(Tiers)
row("tier", OneTier, {"multiplier": "2", "benefits": ["Free delivery"]})(OneTier)
listing(
    "reward",
    "rewards",
    Rewards,
    {"programId": _PROGRAM, "slug": "espresso", "name": "Espresso", "costPoints": 120, "stock": 40},
)(Rewards)
row("reward", OneReward, {"costPoints": 150, "limitPerMember": 2})(OneReward)
listing("store", "stores", Stores, {"merchant": "cafe", "reference": "counter-2", "name": "Second counter"})(Stores)
row("store", OneStore, {"name": "Counter by the door", "isActive": False})(OneStore)
