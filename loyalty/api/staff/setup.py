"""Programs, tiers, rewards and stores."""

from typing import Any

from django.utils import timezone

from loyalty import background
from loyalty.api.staff import catalogue_shapes as shape
from loyalty.api.staff.catalogue import CatalogueView, InUse, Listing, Row, listing, row
from loyalty.models import LedgerEntry, Program, Reward, Tier
from loyalty_site.refusals import NotFound, Refusal
from loyalty_site.tenants.models import Store


class CurrencyInUse(Refusal):
    """Points were earned in the present currency."""

    code = "currency_in_use"
    sentence = "Points were earned in the present currency already. Make a new program."


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
        moved = asked.get("currency", row.currency) != row.currency
        if moved and LedgerEntry.objects.filter(member__program=row).exists():
            raise CurrencyInUse


class Tiers(_Tiers, _OfProgram):
    """GET, POST tiers"""

    takes = shape.TierInput


class OneTier(_Tiers, Row):
    """GET, PATCH, DELETE tiers/{id}"""

    takes = shape.TierChangeInput


class Rewards(_Rewards, _OfProgram):
    """GET, POST rewards"""

    takes = shape.RewardInput


class OneReward(_Rewards, Row):
    """GET, PATCH, DELETE rewards/{id}"""

    takes = shape.RewardChangeInput


class Stores(_Stores, Listing):
    """GET, POST stores"""

    takes = shape.StoreInput


class OneStore(_Stores, Row):
    """GET, PATCH, DELETE stores/{id}"""

    takes = shape.StoreChangeInput

    def check_delete(self, row: Store) -> None:
        # No foreign-key constraint leads from an entry to its store; keys would be deleted with it.
        has_entries = LedgerEntry.objects.filter(merchant_id=row.merchant_id, store=row).exists()
        if has_entries or row.api_keys.exists():
            raise InUse


_PROGRAM = "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b11"

listing(
    "program", "programs", Programs, {"merchant": "cafe", "name": "Café club", "currency": "EUR", "pointsPerUnit": "10"}
)(Programs)
row("program", OneProgram, {"pointsPerUnit": "12.5", "expiryPolicy": "inactivity", "pointsExpirationDays": 180})(
    OneProgram
)
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
    {"programId": _PROGRAM, "slug": "espresso", "name": "Espresso", "costPoints": 120},
)(Rewards)
row("reward", OneReward, {"costPoints": 150})(OneReward)
listing("store", "stores", Stores, {"merchant": "cafe", "reference": "counter-2", "name": "Second counter"})(Stores)
row("store", OneStore, {"name": "Counter by the door", "isActive": False})(OneStore)
