"""Who comes on which day, and what they buy: decided from the plan and a seed alone, whatever the ledger holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from loyalty_site.console.demo.people import ONE_DAY, SEED, Character, Clock, day_of, moment_on
from loyalty_site.console.demo.plans import MerchantPlan, Shop


@dataclass(frozen=True)
class Visit:
    """A purchase. `luck` and `whim`, from 0 to 1, decide what else happens in it."""

    who: Character
    at: datetime
    shop: Shop
    amount: Decimal
    reference: str
    luck: float
    whim: float


def visits_of(plan: MerchantPlan, people: list[Character], clock: Clock, day: date) -> list[Visit]:
    """The visits of a day in order of time, at most one a person."""
    rng = Random(f"{SEED}:{plan.slug}:{day}")  # noqa: S311
    return sorted(_visits(plan, people, clock, day, rng), key=lambda visit: visit.at)


def _visits(plan: MerchantPlan, people: list[Character], clock: Clock, day: date, rng: Random) -> Iterator[Visit]:
    of_the_week = plan.weekdays[day.weekday()] * 7 / sum(plan.weekdays)
    for who in people:
        # Everybody throws one die every day, so that one person's plan does not change another's.
        chance = rng.random()
        set_at = who.appointment if who.appointed_on == day else None
        if who.enrols_on == day and chance < 0.8:
            # Nearly everybody enrols at the till, with a purchase in hand.
            set_at = who.enrols_at + timedelta(minutes=3)
        if set_at or chance < who.habit.visits_a_week / 7 * of_the_week:
            visit = _visit(plan, who, day, set_at)
            if who.enrols_at < visit.at <= min(who.leaves_at or clock.now, clock.now):
                yield visit


def _visit(plan: MerchantPlan, who: Character, day: date, set_at: datetime | None) -> Visit:
    """What the person does on that day, at the moment set or at any that the shops are open."""
    rng = Random(f"{SEED}:{plan.slug}:{day}:{who.number}")  # noqa: S311
    moment = set_at or moment_on(plan, day, rng)
    shop = rng.choice(plan.stores) if rng.random() < 0.15 else who.home
    amount = sum((rng.choice(plan.prices) for _ in range(rng.choice(plan.pieces))), Decimal(0))
    local = moment.astimezone(plan.zone)
    if local.hour not in plan.hours or not plan.weekdays[local.weekday()]:
        shop = plan.online
    if who.is_quiet:
        # Enough to earn points in any program.
        amount = max(amount, Decimal("5.00"))
    reference = f"{plan.prefix}-{day:%y%m%d}-{who.number + 1:04}"
    return Visit(who, moment, shop, amount, reference, luck=rng.random(), whim=rng.random())


def days_of(clock: Clock) -> list[date]:
    """Every day of the year, that of its beginning and today included."""
    first = day_of(clock.begin)
    return [first + number * ONE_DAY for number in range((day_of(clock.now) - first).days + 1)]
