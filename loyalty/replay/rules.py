"""The rules a replay runs by, and the merchant and program that carry them."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from loyalty.models import ExpiryPolicy, Member, Program
from loyalty_site.jobs.models import Run
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant

JOB = "loyalty.replay_orders"


class InvalidRules(Refusal):
    """An option that is no rule: a currency of two letters, a rate below 0, no days where points expire."""

    code = "invalid_rules"
    status = 422


class OtherRules(Refusal):
    """The merchant is there and runs by other rules. Its past is not replayed under these."""

    code = "other_rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a replay is asked to run by. `days` counts under a policy that expires; no `stamp_min`: no stamps."""

    currency: str
    rate: Decimal
    policy: ExpiryPolicy
    days: int | None
    stamp_min: Decimal | None
    stamps_target: int

    @property
    def name(self) -> str:
        """What the report calls the rule: `rule_a_inactivity_180d`, `rule_b_lot_180d`, `rule_a_no_expiry`."""
        if self.policy == ExpiryPolicy.INACTIVITY:
            return f"rule_a_inactivity_{self.days}d"
        if self.policy == ExpiryPolicy.LOTS:
            return f"rule_b_lot_{self.days}d"
        return "rule_a_no_expiry"

    @property
    def period(self) -> timedelta:
        """How long points live under a policy that expires."""
        return timedelta(days=self.days or 0)

    def program(self, merchant: Merchant) -> Program:
        """A program of exactly these rules, not saved. Raises `InvalidRules`."""
        given: dict[str, Any] = {"currency": self.currency, "points_per_unit": self.rate, "expiry_policy": self.policy}
        if self.policy != ExpiryPolicy.NONE and self.days is None:
            raise InvalidRules("Points that expire need a number of days (--expire-after-days).")
        if self.policy == ExpiryPolicy.INACTIVITY:
            given["points_expiration_days"] = self.days
        if self.policy == ExpiryPolicy.LOTS:
            given["points_valid_days"] = self.days
        if self.stamp_min is not None:
            given["stamps_target"] = self.stamps_target
        program = Program(merchant=merchant, name=f"{merchant.name} club", **given)
        _must_be_clean(program)
        return program


# What a replay compares: what decides about points and stamps. The rest, such as the value of a point, is the shop's.
_COMPARED = (
    "currency",
    "points_per_unit",
    "expiry_policy",
    "minimum_purchase",
    "max_points_per_order",
    "max_points_per_day",
    "welcome_bonus",
    "minutes_between_stamps",
    "stamps_per_day",
    "time_zone",
    "warn_before_expiring",
)


def refuse_other_rules(slug: str, rules: Rules) -> None:
    """Raise `OtherRules` where the merchant is there and runs by others, `InvalidRules` where these are none.

    Writes nothing.
    """
    merchant = Merchant.objects.filter(slug=slug).first()
    wanted = rules.program(merchant or _new_merchant(slug))
    if merchant is None:
        return
    if not merchant.is_active:
        raise OtherRules(f"The merchant {slug} is switched off.")
    program = _active_program(merchant)
    if program is None:
        if merchant.programs.exists():
            raise OtherRules(f"The program of {slug} is switched off.")
        return
    differences = [
        f"{name} is {getattr(program, name)}, not {getattr(wanted, name)}"
        for name in (*_COMPARED, *_compared_by_policy(rules))
        if getattr(program, name) != getattr(wanted, name)
    ]
    if program.tiers.exists() or Member.objects.filter(program=program, tier__isnull=False).exists():
        differences.append("it has tiers")
    differences += _other_stamps(merchant, rules)
    if differences:
        raise OtherRules(f"The merchant {slug} runs by other rules: {'; '.join(differences)}.")


@transaction.atomic
def make_program(slug: str, rules: Rules) -> Program:
    """The merchant's program, made with these rules where there is none; the merchant, too."""
    merchant = Merchant.objects.filter(slug=slug).first()
    if merchant is None:
        merchant = _new_merchant(slug)
        merchant.save(force_insert=True)
    program = _active_program(merchant)
    if program is None:
        program = rules.program(merchant)
        program.save(force_insert=True)
    program.merchant = merchant
    return program


def remembered(rules: Rules) -> dict[str, str | None]:
    """What a run keeps of the rules, beyond what the program does."""
    return {"stamp_min": None if rules.stamp_min is None else str(rules.stamp_min)}


def _other_stamps(merchant: Merchant, rules: Rules) -> list[str]:
    # The program does not know which orders bring a stamp; the replays that went before do.
    before = Run.objects.filter(job=JOB, merchant=merchant, counts__has_key="stamp_min").first()
    if before is None:
        return []
    now, then = remembered(rules)["stamp_min"], before.counts["stamp_min"]
    if now == then:
        return []
    return [f"orders brought a stamp from {then or 'no amount'} on, not from {now or 'no amount'}"]


def _compared_by_policy(rules: Rules) -> list[str]:
    names = {ExpiryPolicy.INACTIVITY: ["points_expiration_days"], ExpiryPolicy.LOTS: ["points_valid_days"]}
    return [*names.get(rules.policy, []), *([] if rules.stamp_min is None else ["stamps_target"])]


def _active_program(merchant: Merchant) -> Program | None:
    return Program.objects.filter(merchant=merchant, is_active=True).first()


def _new_merchant(slug: str) -> Merchant:
    merchant = Merchant(slug=slug, name=slug.replace("-", " ").replace("_", " ").title())
    _must_be_clean(merchant)
    return merchant


def _must_be_clean(instance: Merchant | Program) -> None:
    try:
        instance.clean_fields(exclude=["merchant"])
    except ValidationError as error:
        problems = "; ".join(f"{field}: {' '.join(words)}" for field, words in error.message_dict.items())
        raise InvalidRules(problems) from error
