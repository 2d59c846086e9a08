"""Becoming a member."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from phonenumber_field.phonenumber import to_python

from loyalty.cards import new_card_number, new_referral_code
from loyalty.events import MemberEnrolled, TierUpgraded, WelcomeBonusCredited
from loyalty.ledger import Posted, Posting
from loyalty.models import EntryType, Member, Program, Tier
from loyalty.operations.orders import expiry_of_credit
from loyalty.operations.points import ProgramInactive
from loyalty.operations.settling import Booking, settle
from loyalty.operations.tiers import tier_for
from loyalty.queries import faces, locks
from loyalty_site import outbox
from loyalty_site.outbox import Event
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Customer, Store
from loyalty_site.texts import refuse_what_cannot_be_kept

log = structlog.get_logger("loyalty.card_service")

_TRIES = 3


class AmbiguousPerson(Refusal):
    """E-mail address, phone number and customer number belong to different members."""

    code = "ambiguous_person"
    sentence = "The e-mail address, phone number and customer number given belong to different members."


class InvalidPerson(Refusal):
    """An e-mail address or phone number that is none. `facts`: field."""

    code = "invalid_person"
    status = 422
    sentence = "The e-mail address or phone number is not valid."


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is known of someone who enrols. Empty texts are unknown."""

    email: str = ""
    phone: str = ""
    external_ref: str = ""
    first_name: str = ""
    last_name: str = ""
    locale: str = ""
    time_zone: str = ""
    birth_date: date | None = None
    marketing_consent: bool = False
    consent_source: str = ""
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The member, and whether this call made them one."""

    member: Member
    created: bool


class NoProgram(Refusal):
    """The merchant has no program that is active."""

    code = "program_inactive"
    sentence = "This merchant has no active program."


def enroll(*, program: Program, person: Person, at: datetime, store: Store | None = None) -> Enrolled:
    """Make the person a member, with the welcome bonus, once; the same person again gets the member there is.

    Whoever shares the e-mail address (without regard to case), the phone number or the customer number is the same
    person. A member made by a mere look-up is enrolled by the first call. Enrolment starts the activity clock. Raises
    `AmbiguousPerson`, `InvalidPerson`, `ProgramInactive`.
    """
    if not program.is_active:
        raise ProgramInactive
    return _enroll("p.id = %s", [program.pk], normalized(person), at, store, program)


def enroll_at(*, store: Store, person: Person, at: datetime) -> Enrolled:
    """Make the person a member of the active program of the store's merchant. Raises as `enroll`, and `NoProgram`."""
    return _enroll("p.merchant_id = %s AND p.is_active", [store.merchant_id], normalized(person), at, store)


@transaction.atomic(savepoint=False)
def _enroll(
    where: str,
    parameters: list[Any],
    person: Person,
    at: datetime,
    store: Store | None,
    given: Program | None = None,
) -> Enrolled:
    for _ in range(_TRIES):
        known, found = faces.persons(where, parameters, clues_of(person))
        # The caller's own object goes on: its ladder may have been read, or changed, since.
        program = given or known
        if program is None:
            raise NoProgram
        if len(found) > 1:
            raise AmbiguousPerson
        customer, member = found[0] if found else (None, None)
        if member is not None:
            member.program = program
            return _enroll_known(member, at, store)
        if (made := new_member(program, customer, person, at)) in insert_new([made]):
            return _welcome(made, at, store)
        # Somebody enrolled the same person, or drew the same number, at this moment: look again.
    raise RuntimeError("Neither could the person be enrolled nor was there such a member.")


def _enroll_known(member: Member, at: datetime, store: Store | None) -> Enrolled:
    if member.enrolled_at is not None:
        return Enrolled(member, created=False)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loyalty_members SET enrolled_at = %s, last_activity_at = %s "
            "WHERE id = %s AND enrolled_at IS NULL RETURNING tier_id",
            [at, at, member.pk],
        )
        row = cursor.fetchone()
    if row is None:
        member.refresh_from_db(fields=["enrolled_at"])
        return Enrolled(member, created=False)
    member.enrolled_at = member.last_activity_at = at
    if row[0] == member.tier_id:
        # Locked by the change, and in the tier that we know of.
        locks.mark(member)
    return _welcome(member, at, store)


def _welcome(member: Member, at: datetime, store: Store | None) -> Enrolled:
    news = enrolled_news(member, at, store)
    if member.program.welcome_bonus:
        [bonus] = settle([welcoming(member, at)], at=at, also=lambda posted: news)
        take_over(member, bonus)
    else:
        outbox.publish_many(news)
    log.info("enrolled", member=str(member.pk), merchant=str(member.merchant_id))
    return Enrolled(member, created=True)


def take_over(member: Member, posted: Posted) -> None:
    """Let our copy of the member show what was posted."""
    member.points_balance, member.points_held = posted.points_balance, posted.points_held
    member.lifetime_points, member.stamp_count = posted.lifetime_points, posted.stamp_count


def enrolled_news(member: Member, at: datetime, store: Store | None) -> list[Event]:
    """What tells that the person is a member now, and of the tier the welcome bonus was enough for."""
    news: list[Event] = [
        MemberEnrolled.about(member, at=at, card_number=member.card_number, store_id=store.pk if store else None)
    ]
    if member.tier is not None and member.lifetime_points == 0:
        bonus = member.program.welcome_bonus
        news.append(
            TierUpgraded.about(member, at=at, from_tier=None, to_tier=member.tier.slug, qualifying_points=bonus)
        )
    return news


def new_member(program: Program, customer: Customer | None, person: Person, at: datetime) -> Member:
    """An enrolled member, not yet written, in the tier that the welcome bonus is enough for."""
    return Member(
        tier=_tier_at_first(program, program.welcome_bonus),
        merchant_id=program.merchant_id,
        program=program,
        customer=customer if customer is not None else _new_customer(program, person, at),
        card_number=new_card_number(),
        referral_code=new_referral_code(),
        enrolled_at=at,
        last_activity_at=at,
    )


def _tier_at_first(program: Program, points: int) -> Tier | None:
    """The tier of somebody with these points. A tier from 0 points is everybody's where the ladder is at hand.

    The doors read it with the program; for replays, which have no tiers, nobody reads it for nothing.
    """
    return tier_for(program, points) if points or "ladder" in program.__dict__ else None


def insert_new(members: list[Member]) -> list[Member]:
    """Write these members, and those of their customers who are new, in one statement; returns who was written.

    Left out is whoever shares a clue or a number with somebody who was written at this moment.
    """
    customers = [member.customer for member in members if member.customer._state.adding]
    statement, values = _insert_of(members)
    if customers:
        before, customer_values = _insert_of(customers)
        statement = f"WITH made AS ({before}) {statement}"
        values = customer_values + values
        # Members of customers who were left out would point at nobody.
        new_ones = [customer.pk for customer in customers]
        statement = statement.format(
            where="WHERE v.customer_id <> ALL (%s::uuid[]) OR v.customer_id IN (SELECT id FROM made)"
        )
        values.append(new_ones)
    else:
        statement = statement.format(where="")
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        inserted = {pk for (pk,) in cursor.fetchall()}
    written = [member for member in members if member.pk in inserted]
    for member in written:
        for row in (member, member.customer):
            row._state.adding, row._state.db = False, "default"
    return written


def _insert_of(rows: Sequence[Model]) -> tuple[str, list[Any]]:
    """The statement that inserts these rows of one model and leaves out those there are; `{where}` for members."""
    fields = rows[0]._meta.concrete_fields
    columns = ", ".join(str(field.column) for field in fields)
    row = "(" + ", ".join(f"%s::{field.db_type(connection)}" for field in fields) + ")"
    values = [field.get_db_prep_save(field.pre_save(each, add=True), connection) for each in rows for field in fields]
    where = " {where}" if isinstance(rows[0], Member) else ""
    table, source = rows[0]._meta.db_table, ", ".join([row] * len(rows))
    statement = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM (VALUES {source}) AS v ({columns}){where}"
    return f"{statement} ON CONFLICT DO NOTHING RETURNING id", values


def member_for(*, program: Program, customer: Customer, at: datetime) -> Member:
    """The customer's membership, made on first sight: a bare one, without bonus or mail until it is enrolled."""
    for attempt in range(_TRIES):
        try:
            with transaction.atomic():
                return _member_of(program, customer, at)[0]
        except IntegrityError:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _member_of(program: Program, customer: Customer, at: datetime) -> tuple[Member, bool]:
    member = Member.objects.select_related("tier").filter(program=program, customer=customer).first()
    created = member is None
    if member is None:
        member = Member(
            merchant_id=program.merchant_id,
            program=program,
            customer=customer,
            tier=_tier_at_first(program, 0),
            card_number=new_card_number(),
            referral_code=new_referral_code(),
            last_activity_at=at,
        )
        member.save(force_insert=True)
    member.program, member.customer = program, customer
    return member, created


def welcoming(member: Member, at: datetime) -> Booking:
    """The booking of the welcome bonus."""
    return Booking(
        Posting(
            member=member,
            type=EntryType.WELCOME_BONUS,
            points=member.program.welcome_bonus,
            key=f"welcome:{member.pk}",
            expires_at=expiry_of_credit(member.program, at),
            occurred_at=at,
        ),
        WelcomeBonusCredited,
    )


def clues_of(person: Person) -> dict[str, Any]:
    """What says who somebody is."""
    return {
        "email": person.email,
        "phone": person.phone,
        "external_ref": person.external_ref,
        "user_id": person.user_id,
    }


def _new_customer(program: Program, person: Person, at: datetime) -> Customer:
    customer = Customer(
        merchant_id=program.merchant_id,
        email=person.email,
        phone_number=person.phone,
        external_ref=person.external_ref,
        first_name=person.first_name,
        last_name=person.last_name,
        locale=person.locale,
        time_zone=person.time_zone,
        birth_date=person.birth_date,
        marketing_consent=person.marketing_consent,
        marketing_consent_at=at if person.marketing_consent else None,
        marketing_consent_source=person.consent_source if person.marketing_consent else "",
    )
    if person.user_id is not None:
        customer.user_id = person.user_id
    return customer


def normalized(person: Person) -> Person:
    """The person with clean address and number (E.164). Raises `InvalidPerson`."""
    refuse_what_cannot_be_kept(*asdict(person).values())
    email, phone = person.email.strip(), person.phone.strip()
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise InvalidPerson("The e-mail address is not valid.", field="email") from error
    if phone:
        number = to_python(phone)
        if not number or not number.is_valid():
            raise InvalidPerson("The phone number is not valid; it begins with + and the country.", field="phone")
        phone = number.as_e164
    return Person(
        email=email,
        phone=phone,
        external_ref=person.external_ref.strip(),
        first_name=person.first_name.strip(),
        last_name=person.last_name.strip(),
        locale=person.locale,
        time_zone=person.time_zone,
        birth_date=person.birth_date,
        marketing_consent=person.marketing_consent,
        consent_source=person.consent_source,
        user_id=person.user_id,
    )
