"""Who is a member, since when and until when: decided from the plan and a seed alone."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from random import Random
from zoneinfo import ZoneInfo

from loyalty.operations.enrollment import Person
from loyalty_site.console.demo.plans import Habit, MerchantPlan, Shop, names, weighed

SEED = "regulars"
NIGHT = time(2, tzinfo=UTC)
ONE_DAY = timedelta(days=1)

# How many members the next runs will find, and where: due already, due by the coming night, to be warned in it.
DUE_NOW, DUE_TONIGHT, WARNED_TONIGHT = 7, 6, 8


@dataclass(frozen=True)
class Clock:
    """The year that is told: from `begin` to `now`, its nights at 02:00 UTC up to `last_night`."""

    now: datetime
    days: int

    @property
    def begin(self) -> datetime:
        return self.now - self.days * ONE_DAY

    @property
    def last_night(self) -> datetime:
        """The latest run that is told of: something has to become due between it and now."""
        tonight = self.next_night - ONE_DAY
        return tonight if self.now - tonight >= timedelta(hours=1) else tonight - ONE_DAY

    @property
    def next_night(self) -> datetime:
        """The first run after now."""
        return datetime.combine(day_of(self.now) + ONE_DAY, NIGHT)

    def nights(self) -> list[datetime]:
        """Every run of the year, the first one after its beginning."""
        first = datetime.combine(self.begin.astimezone(UTC).date() + ONE_DAY, NIGHT)
        return [first + number * ONE_DAY for number in range((self.last_night - first).days + 1)]


@dataclass(frozen=True)
class Character:
    """One customer of the demo. An `appointment` is a last visit that happens whatever chance says."""

    number: int
    reference: str
    person: Person
    habit: Habit
    home: Shop
    enrols_at: datetime
    leaves_at: datetime | None
    appointment: datetime | None = None

    @property
    def is_quiet(self) -> bool:
        """Someone a coming run is to find must not do anything that would keep their points."""
        return self.appointment is not None

    @cached_property
    def enrols_on(self) -> date:
        return day_of(self.enrols_at)

    @cached_property
    def appointed_on(self) -> date | None:
        return day_of(self.appointment) if self.appointment else None


def day_of(moment: datetime) -> date:
    """The day a moment belongs to: days begin with their nightly run."""
    return (moment.astimezone(UTC) - timedelta(hours=NIGHT.hour)).date()


def cast(plan: MerchantPlan, clock: Clock) -> list[Character]:
    """Every customer of the merchant, the same ones for the same plan and clock."""
    rng = Random(f"{SEED}:{plan.slug}:people")  # noqa: S311 (made-up people, no secrets)
    appointments = _appointments(plan, clock, rng)
    return [
        _character(plan, clock, rng, number, appointments[number] if number < len(appointments) else None)
        for number in range(plan.members)
    ]


def moment_on(plan: MerchantPlan, day: date, rng: Random) -> datetime:
    """A moment of the day when the shops are open."""
    hour = weighed(rng, list(plan.hours.items()))
    moment = time(hour, rng.randrange(60), rng.randrange(60), tzinfo=plan.zone)
    return datetime.combine(day, moment).astimezone(UTC)


def _character(plan: MerchantPlan, clock: Clock, rng: Random, number: int, appointment: datetime | None) -> Character:
    habit = weighed(rng, [(habit, habit.share) for habit in plan.habits])
    home = weighed(rng, [(shop, shop.share) for shop in plan.stores])
    # Most come with the opening and then evenly; the last weeks are as busy as any.
    whole = clock.days - 0.1
    elapsed = rng.random() * (min(30, whole) if rng.random() < 0.25 else whole)
    if appointment is not None:
        elapsed = rng.random() * min(30.0, (appointment - clock.begin) / ONE_DAY - 1)
    enrols_at = _opening(plan, clock, clock.begin + timedelta(days=elapsed), rng)
    leaves_at: datetime | None = None
    stays = rng.random()
    if rng.random() < habit.leaves:
        leaves_at = enrols_at + stays * (clock.now - enrols_at)
    if appointment is not None:
        enrols_at, leaves_at = min(enrols_at, appointment - ONE_DAY), appointment
    return Character(
        number=number,
        reference=f"{plan.prefix}-{number + 1:04}",
        person=_person(plan, rng, number),
        habit=habit,
        home=home,
        enrols_at=enrols_at,
        leaves_at=leaves_at,
        appointment=appointment,
    )


def _opening(plan: MerchantPlan, clock: Clock, moment: datetime, rng: Random) -> datetime:
    """The moment, moved into the hours of that day or, on a day off, of the next; never past now."""
    day = moment.astimezone(plan.zone).date()
    if not plan.weekdays[day.weekday()]:
        day += ONE_DAY
    found = moment_on(plan, day, rng)
    return found if clock.begin <= found < clock.now else moment.replace(microsecond=0)


def _person(plan: MerchantPlan, rng: Random, number: int) -> Person:
    language = weighed(rng, list(plan.languages.items()))
    pool = names()[language]
    first, last = rng.choice(pool["first"]), rng.choice(pool["last"])
    has_email, has_phone, consents, has_birthday = (rng.random() for _ in range(4))
    birth = date(1948, 1, 1) + timedelta(days=rng.randrange(57 * 365))
    return Person(
        external_ref=f"{plan.prefix}-{number + 1:04}",
        first_name=first,
        last_name=last,
        # Reserved for examples: mail to it goes nowhere.
        email=f"{_plain(first)}.{_plain(last)}.{number + 1}@example.com" if has_email < 0.85 else "",
        # Numbers that France keeps for fiction.
        phone=f"+3319900{plan.phones_from + number:04}" if has_phone < 0.55 or has_email >= 0.85 else "",
        locale=language,
        time_zone="Europe/London" if language == "en" and consents < 0.1 else "",
        birth_date=birth if has_birthday < 0.4 else None,
        marketing_consent=consents < 0.6,
        consent_source="counter" if consents < 0.6 else "",
    )


def _plain(name: str) -> str:
    spelled = name.replace("ß", "ss").replace("'", "").replace(" ", "")
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode().lower()


# --- Those whom the next runs find ----------------------------------------------------------------------------
def _appointments(plan: MerchantPlan, clock: Clock, rng: Random) -> list[datetime]:
    """Last visits so long ago that their points are due now or tonight, or are to be warned of tonight."""
    last, warned = plan.points_last, plan.points_last - plan.warning
    windows = [
        (DUE_NOW, clock.last_night - last, clock.now - last),
        (DUE_TONIGHT, clock.now - last, clock.next_night - last),
        (WARNED_TONIGHT, clock.last_night - warned, clock.next_night - warned),
    ]
    found: list[datetime] = []
    for count, after, until in windows:
        if after - 2 * ONE_DAY < clock.begin:
            continue
        found += [_between(plan.zone, set(plan.hours), after, until, rng) for _ in range(count)]
    return found


def _between(zone: ZoneInfo, hours: set[int], after: datetime, until: datetime, rng: Random) -> datetime:
    """A whole second in (after, until], in opening hours if the two leave room for it."""
    seconds = int((until - after).total_seconds())
    moment = until
    for _ in range(100):
        moment = after + timedelta(seconds=rng.randint(1, max(seconds, 1)))
        if moment.astimezone(zone).hour in hours:
            break
    return min(moment, until)
