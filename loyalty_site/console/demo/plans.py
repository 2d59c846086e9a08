"""What fixtures/demo says of the two merchants, their staff and the names of their customers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings

from loyalty.models import ExpiryPolicy

FILES = ("cafe.json", "bookshop.json")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shop:
    """A store; `share` of the members, against the shares of the others, are at home there."""

    reference: str
    name: str
    share: int
    is_online: bool = False


@dataclass(frozen=True)
class Habit:
    """How a kind of customer behaves. `leaves`: the chance that they come no more before the year is over."""

    name: str
    share: int
    visits_a_week: float
    leaves: float
    redeems: float


@dataclass(frozen=True)
class Reward:
    """`picture` is a file in fixtures/demo/pictures; `codes`: how many codes its pool begins with."""

    slug: str
    name: str
    cost_points: int
    description: str
    kind: str = "product"
    sku: str = ""
    instructions: str = ""
    stock: int | None = None
    codes: int = 0
    picture: str = ""

    @property
    def content(self) -> bytes:
        """The bytes of its picture."""
        return (Path(settings.BASE_DIR) / "fixtures" / "demo" / "pictures" / self.picture).read_bytes()


@dataclass(frozen=True)
class MerchantPlan:
    """One merchant of the demo. `hours` and `weekdays` (Monday first) weigh when people come, in local time."""

    slug: str
    name: str
    prefix: str
    members: int
    languages: dict[str, int]
    phones_from: int
    stores: tuple[Shop, ...]
    program: dict[str, Any]
    tiers: tuple[dict[str, Any], ...]
    gives_stamps: bool
    prices: tuple[Decimal, ...]
    pieces: tuple[int, ...]
    hours: dict[int, int]
    weekdays: tuple[int, ...]
    habits: tuple[Habit, ...]
    rewards: tuple[Reward, ...]
    collected_later: float
    days_to_return: int
    void_reasons: tuple[str, ...]
    restore_reasons: tuple[str, ...]
    adjust_reasons: tuple[str, ...]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.program["time_zone"])

    @property
    def points_last(self) -> timedelta:
        """What an expiry counts: the time without activity, or that of a credit."""
        by_lots = self.program["expiry_policy"] == ExpiryPolicy.LOTS
        return timedelta(days=self.program["points_valid_days" if by_lots else "points_expiration_days"])

    @property
    def warning(self) -> timedelta:
        return timedelta(days=self.program["expiration_warning_days"])

    @property
    def online(self) -> Shop:
        """The store that never closes."""
        return next(shop for shop in self.stores if shop.is_online)


def merchants() -> list[MerchantPlan]:
    """The merchants of the demo."""
    return [_merchant(_read(name)) for name in FILES]


def staff() -> list[dict[str, Any]]:
    """The logins of the demo: email, name, password and roles."""
    return _read("staff.json")


@cache
def names() -> dict[str, dict[str, list[str]]]:
    """First and last names by language."""
    return _read("names.json")


def weighed(rng: Random, weights: Sequence[tuple[Item, int]]) -> Item:
    """One of the items, each as likely as its weight says."""
    return rng.choices([item for item, _ in weights], [weight for _, weight in weights])[0]


def _merchant(given: dict[str, Any]) -> MerchantPlan:
    return MerchantPlan(
        **given
        | {
            "stores": tuple(Shop(**shop) for shop in given["stores"]),
            "habits": tuple(Habit(**habit) for habit in given["habits"]),
            "rewards": tuple(Reward(**reward) for reward in given["rewards"]),
            "prices": tuple(Decimal(price) for price in given["prices"]),
            "hours": {int(hour): weight for hour, weight in given["hours"].items()},
        }
        | {
            name: tuple(given[name])
            for name in ("tiers", "pieces", "weekdays", "void_reasons", "restore_reasons", "adjust_reasons")
        }
    )


def _read(name: str) -> Any:
    return json.loads((Path(settings.BASE_DIR) / "fixtures" / "demo" / name).read_text(encoding="utf-8"))
