"""Filling an empty database with the demo, once; a start that was broken off is gone on with."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import F, OuterRef, Subquery

from loyalty.models import LedgerEntry, Member
from loyalty_site import outbox
from loyalty_site.console.demo import checkouts, friends, merchants, nights, people, plans, reminders, snapshots
from loyalty_site.console.demo.history import Year
from loyalty_site.console.demo.people import Clock, day_of
from loyalty_site.console.demo.plans import MerchantPlan
from loyalty_site.console.demo.visits import days_of
from loyalty_site.jobs import runs
from loyalty_site.jobs.models import Run
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Customer, Merchant, User

JOB = "console.demo"
DAYS = 365


class DatabaseInUse(Refusal):
    """The database holds merchants that are not the demo's: known passwords have no business there."""

    code = "database_in_use"
    sentence = "This database holds merchants of its own, so the demo does not write into it. Name an empty one."


@dataclass(frozen=True)
class Seeded:
    """What was found or made: a history of so many days before `as_of`, written or gone on with by this call or not."""

    created: bool
    as_of: datetime
    days: int


def refuse_where_others_live(*, own_database: bool) -> None:
    """Raise `DatabaseInUse` where the demo would land among somebody's data.

    In the embedded database (`own_database`) other merchants may stand beside it, such as those of a replay.
    """
    slugs = {plan.slug for plan in plans.merchants()}
    if Run.objects.filter(job=JOB).exists():
        return
    if Merchant.objects.filter(slug__in=slugs).exists() or (not own_database and Merchant.objects.exists()):
        raise DatabaseInUse


def seed(
    *,
    at: datetime,
    days: int = DAYS,
    plan: Sequence[MerchantPlan] | None = None,
    advance: Callable[[int], None] = lambda _days: None,
) -> Seeded:
    """Write the demo's merchants, staff and history up to `at`, where that was not done before.

    The `Run` of `console.demo` says how far it came: one that was broken off goes on where it stopped, with its own
    clock, and what its last day had done already is not done twice. `advance` hears of each day.
    """
    done = Run.objects.filter(job=JOB, status=Run.Status.SUCCEEDED).first()
    if done is not None:
        return Seeded(False, done.as_of or done.started_at, done.counts["of_days"])
    runs.bury_dead_runs(JOB)
    broken_off = Run.objects.filter(job=JOB, status=Run.Status.FAILED).order_by("-started_at").first()
    so_far: dict[str, Any] = {"days_told": 0, "of_days": days}
    if broken_off is not None:
        so_far |= broken_off.counts
        at = broken_off.as_of or at
    with runs.record(JOB, trigger=Run.Trigger.COMMAND, key="demo", as_of=at) as run, outbox.backfilling():
        run.counts = so_far
        _keep(run)
        with connection.cursor() as cursor:
            # A day lost to a power cut is told again; waiting for the disk after each would double the time.
            cursor.execute("SET synchronous_commit TO off")
        try:
            _tell(run, Clock(at, so_far["of_days"]), plan or plans.merchants(), advance)
        finally:
            # What is on its way out goes before: an interrupt may have left the connection in the middle of something.
            with suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("RESET synchronous_commit")
        run.counts |= {
            "merchants": len(plan or plans.merchants()),
            "members": Member.objects.count(),
            "entries": LedgerEntry.objects.count(),
        }
    return Seeded(True, at, so_far["of_days"])


def _tell(run: Run, clock: Clock, wanted: Sequence[MerchantPlan], advance: Callable[[int], None]) -> None:
    houses = [merchants.make(plan, since=clock.begin) for plan in wanted]
    merchants.make_staff()
    actors = {
        house.merchant.pk: User.objects.filter(
            staff_roles__merchant=house.merchant, staff_roles__role__in=["owner", "manager"]
        ).first()
        for house in houses
    }
    years = [Year(house, people.cast(house.plan, clock), clock, actors[house.merchant.pk]) for house in houses]
    for year in years:
        year.remember()
    programs = [house.program for house in houses]
    # Nothing is older than the year itself.
    busy_from = clock.begin + min(house.plan.points_last - house.plan.warning for house in houses)
    nights.record_empty(programs, [night for night in clock.nights() if night < busy_from])
    night_of = {day_of(night): night for night in clock.nights() if night >= busy_from}
    told = run.counts["days_told"]
    for number, day in enumerate(days_of(clock)):
        if number < told:
            continue
        if day in night_of and nights.expire(programs, night_of[day]):
            for year in years:
                year.remember()
        for year in years:
            year.live(day)
        run.counts["days_told"] = number + 1
        _keep(run)
        advance(1)
    for house in houses:
        checkouts.leave(house, clock)
        friends.invite(house, clock)
    of = [house.merchant for house in houses]
    _date_back(of)
    snapshots.capture(of, clock)
    reminders.remind(of, clock)


def _keep(run: Run) -> None:
    run.save(update_fields=["counts"])


def _date_back(of: list[Merchant]) -> None:
    """Rows that were written now, but tell of the past, are as old as what they tell."""
    Member.objects.filter(merchant__in=of, enrolled_at__isnull=False).update(created_at=F("enrolled_at"))
    enrolled = Member.objects.filter(customer=OuterRef("pk")).values("enrolled_at")[:1]
    Customer.objects.filter(merchant__in=of, memberships__isnull=False).update(created_at=Subquery(enrolled))
