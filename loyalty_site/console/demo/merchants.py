"""The demo's merchants, their stores, programs, tiers and staff, as rows."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from loyalty import pictures
from loyalty.models import Program, Reward, Tier
from loyalty.operations import catalogue, reward_codes
from loyalty_site.console.demo import plans
from loyalty_site.console.demo.plans import MerchantPlan
from loyalty_site.tenants.models import Merchant, StaffRole, Store, User

MONEY = ("points_per_unit", "point_value", "minimum_purchase")


@dataclass(frozen=True)
class House:
    """A merchant of the demo as the database knows it."""

    plan: MerchantPlan
    merchant: Merchant
    program: Program
    stores: dict[str, Store]
    rewards: list[Reward]


@transaction.atomic
def make(plan: MerchantPlan, *, since: datetime) -> House:
    """The merchant with its stores, program and tiers, made where they are missing."""
    merchant, _ = Merchant.objects.get_or_create(slug=plan.slug, defaults={"name": plan.name, "created_at": since})
    stores = {
        shop.reference: Store.objects.get_or_create(
            merchant=merchant, reference=shop.reference, defaults={"name": shop.name, "created_at": since}
        )[0]
        for shop in plan.stores
    }
    rules = {name: Decimal(value) if name in MONEY else value for name, value in plan.program.items()}
    program, _ = Program.objects.get_or_create(
        merchant=merchant, is_active=True, defaults={**rules, "created_at": since}
    )
    for tier in plan.tiers:
        Tier.objects.get_or_create(
            program=program,
            slug=tier["slug"],
            defaults={**tier, "multiplier": Decimal(tier["multiplier"])},
        )
    return House(plan, merchant, program, stores, [_reward(program, each, since) for each in plan.rewards])


def _reward(program: Program, given: plans.Reward, since: datetime) -> Reward:
    """The reward with its picture and pool, made where it is missing."""
    columns = ("name", "cost_points", "description", "kind", "sku", "instructions", "stock")
    reward, is_new = Reward.objects.get_or_create(
        program=program,
        slug=given.slug,
        defaults={"created_at": since, **{name: getattr(given, name) for name in columns}},
    )
    if is_new:
        catalogue.set_picture(reward=reward, picture=pictures.read(given.content))
        prefix = program.merchant.slug[:3].upper()
        reward_codes.upload(
            reward=reward,
            codes=[_code(prefix, f"{program.merchant.slug}:{given.slug}:{number}") for number in range(given.codes)],
        )
    return reward


def _code(prefix: str, of: str) -> str:
    """A code like those that shops make, the same each time."""
    return f"{prefix}-{hashlib.blake2b(of.encode(), digest_size=5).hexdigest().upper()}"


@transaction.atomic
def make_staff() -> None:
    """The logins of the demo, made where they are missing; a changed password stays."""
    merchants = {merchant.slug: merchant for merchant in Merchant.objects.all()}
    for person in plans.staff():
        user = User.objects.filter(email=person["email"]).first()
        if user is None:
            user = User.objects.create_user(person["email"], person["password"], name=person["name"])
        for role in person["roles"]:
            merchant = merchants[role["merchant"]] if "merchant" in role else None
            store = Store.objects.get(merchant=merchant, reference=role["store"]) if "store" in role else None
            StaffRole.objects.get_or_create(user=user, merchant=merchant, store=store, defaults={"role": role["role"]})


def logins() -> list[dict[str, Any]]:
    """Who may sign in and how: role, where, email, password. One whose password was changed is shown without."""
    shown = []
    for person in plans.staff():
        user = User.objects.filter(email=person["email"], is_active=True).first()
        if user is None:
            continue
        held = list(user.staff_roles.select_related("merchant", "store"))
        places = [_place(role) for role in held]
        shown.append(
            {
                "role": held[0].get_role_display() if held else "",
                "at": " and ".join(places),
                "email": user.email,
                "password": person["password"] if user.check_password(person["password"]) else "(changed)",
            }
        )
    return shown


def _place(role: StaffRole) -> str:
    if role.merchant is None:
        return "every merchant"
    return f"{role.merchant.name}, {role.store.name}" if role.store else role.merchant.name
