"""Messages on birthdays and after an absence, where the merchant switched them on (specs/messages.md "Templates").

Marketing: only whoever agreed to it, and can be reached, is written to. A message is keyed by the member and the year,
or the member and their last visit: running again writes nothing twice.
"""

import calendar
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.db import connection

from loyalty.models import Program
from loyalty.models.entries import VISIT_TYPES
from loyalty.operations import walking
from loyalty_site.tenants.models import Merchant
from notifications.catalogue import CODES
from notifications.models import GreetingSettings, Message
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage

BIRTHDAY, ABSENCE = "loyalty_birthday", "loyalty_we_miss_you"

CHUNK = 500

# Daily runs that were missed are made up for; who has been away longer than that is left in peace.
MADE_UP_FOR = timedelta(days=3)

COUNTS = ("due", "queued")

log = structlog.get_logger("loyalty.greetings")

Advance = Callable[[int], None]

# OFFSET 0 keeps both a probe a member by key: the planner would otherwise begin at all customers, once a chunk.
_REACHED = """m.is_active AND m.enrolled_at IS NOT NULL AND EXISTS (
    SELECT 1 FROM customers u LEFT JOIN message_preferences f ON f.customer_id = u.id
     WHERE u.id = m.customer_id AND u.marketing_consent AND u.anonymized_at IS NULL AND u.email <> ''
       AND coalesce(f.email, true) AND {more} OFFSET 0)"""

# Whose birthday it may be somewhere on earth; whose it is by their own clock is asked of these few.
BORN = _REACHED.format(
    more="extract(month FROM u.birth_date) * 100 + extract(day FROM u.birth_date) = ANY (%(days)s::int[])"
)

# A visit and not a mere enrolment: the text speaks of one.
ABSENT = f"""m.last_activity_at <= %(until)s AND m.last_activity_at > %(since)s AND {_REACHED.format(more="true")}
    AND EXISTS (
        SELECT 1 FROM loyalty_ledger_entries e
         WHERE e.member_id = m.id AND e.type = ANY (%(visits)s::text[]) OFFSET 0)"""

_PEOPLE = """
    SELECT m.id, m.customer_id, u.birth_date, u.time_zone, m.last_activity_at
      FROM loyalty_members m JOIN customers u ON u.id = m.customer_id
     WHERE m.id = ANY (%(ids)s::uuid[]) ORDER BY m.id"""


@dataclass(frozen=True, slots=True)
class Scene:
    """One program at one instant, as `walking` wants it."""

    program: Program
    settings: GreetingSettings
    at: datetime

    @property
    def parameters(self) -> dict[str, Any]:
        """What the conditions above name."""
        until = self.at - self.settings.absence
        return {
            "program": self.program.pk,
            "days": days_of_birth(self.at),
            "until": until,
            "since": until - MADE_UP_FOR,
            "visits": [str(each) for each in sorted(VISIT_TYPES)],
        }


@dataclass(frozen=True, slots=True)
class _Person:
    """A member, as far as a greeting needs."""

    member_id: UUID
    customer_id: UUID
    born: date | None
    zone_name: str
    last_visit: datetime


def greet(
    *,
    merchants: Iterable[Merchant],
    at: datetime,
    chunk: int = CHUNK,
    dry_run: bool = False,
    told: Advance = lambda members: None,
) -> Counter[str]:
    """Queue the greetings that are due at `at`; each chunk of `chunk` members commits.

    Counts merchants, due and queued; due are also those who have theirs. With `dry_run` nothing is written, and queued
    is what would be.
    """
    counts: Counter[str] = Counter(dict.fromkeys(("merchants", *COUNTS), 0))
    for merchant in merchants:
        counts["merchants"] += 1
        settings = GreetingSettings.objects.filter(merchant=merchant).first()
        program = Program.objects.filter(merchant=merchant, is_active=True).first()
        if settings is None or program is None or not merchant.is_active:
            continue
        done: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
        for messages in _due(Scene(program, settings, at), chunk):
            done["due"] += len(messages)
            done["queued"] += _unwritten(messages) if dry_run else queueing.queue(messages, at=at)
            told(len(messages))
        counts.update(done)
        if done["queued"] and not dry_run:
            log.info("greeted", merchant=merchant.slug, **done)
    return counts


def _due(scene: Scene, chunk: int) -> Iterator[list[NewMessage]]:
    kinds = (
        (scene.settings.greets_birthdays, BORN, _birthday),
        (scene.settings.greets_absent, ABSENT, _absence),
    )
    for is_on, condition, message_to in kinds:
        if is_on:
            for ids in walking.walk(scene, condition, chunk):
                yield [found for person in _read(ids) if (found := message_to(scene, person)) is not None]


def _read(ids: list[UUID]) -> list[_Person]:
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"ids": walking.array(ids)})
        return [_Person(*row) for row in cursor.fetchall()]


def _birthday(scene: Scene, person: _Person) -> NewMessage | None:
    today = scene.at.astimezone(_zone(person.zone_name, scene.program)).date()
    if person.born is None or celebrated(person.born, today.year) != today:
        return None
    return _message(scene, person, BIRTHDAY, str(today.year), {"day": today.isoformat()})


def _absence(scene: Scene, person: _Person) -> NewMessage:
    since = person.last_visit.isoformat()
    return _message(scene, person, ABSENCE, since, {"since": since})


def _message(scene: Scene, person: _Person, code: str, occasion: str, facts: dict[str, Any]) -> NewMessage:
    return NewMessage(
        merchant_id=scene.program.merchant_id,
        member_id=person.member_id,
        customer_id=person.customer_id,
        code=code,
        kind=CODES[code].kind,
        channels=[str(channel) for channel in CODES[code].channels],
        key=f"{code}:{person.member_id}:{occasion}",
        variables=facts,
    )


def _unwritten(messages: list[NewMessage]) -> int:
    if not messages:
        return 0
    written = Message.objects.filter(merchant=messages[0].merchant_id, key__in=[each.key for each in messages])
    return len(messages) - written.count()


def _zone(name: str, program: Program) -> ZoneInfo:
    """The member's time zone, else the program's: as the sender has it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return program.zone


def celebrated(born: date, year: int) -> date:
    """The day of that year on which the birthday is: of 29 February the 28th, where there is none."""
    if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28)
    return born.replace(year=year)


def days_of_birth(at: datetime) -> list[int]:
    """Days of birth, as month * 100 + day, that are celebrated somewhere on earth at `at`."""
    today = at.astimezone(UTC).date()
    days = [today + timedelta(days=each) for each in (-1, 0, 1)]
    found = [day.month * 100 + day.day for day in days]
    return [*found, 229] if any(celebrated(date(2000, 2, 29), day.year) == day for day in days) else found
