"""Becoming a member."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Value
from django.db.models.functions import Lower
from phonenumber_field.phonenumber import to_python

from loyalty.cards import new_card_number, new_referral_code
from loyalty.events import MemberEnrolled, WelcomeBonusCredited
from loyalty.ledger import Posting
from loyalty.models import EntryType, Member, Program
from loyalty.operations.orders import expiry_of_credit
from loyalty.operations.points import ProgramInactive
from loyalty.operations.settling import Booking, settle
from loyalty_site import outbox
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


def enroll(*, program: Program, person: Person, at: datetime, store: Store | None = None) -> Enrolled:
    """Make the person a member, with the welcome bonus, once; the same person again gets the member there is.

    Whoever shares the e-mail address (without regard to case), the phone number or the customer number is the same
    person. A member made by a mere look-up is enrolled by the first call. Enrolment starts the activity clock. Raises
    `AmbiguousPerson`, `InvalidPerson`, `ProgramInactive`.
    """
    if not program.is_active:
        raise ProgramInactive
    person_known = _normalized(person)
    for attempt in range(_TRIES):
        try:
            return _enroll(program=program, person=person_known, at=at, store=store)
        except IntegrityError:
            # Somebody enrolled the same person, or drew the same number, at this moment: look again.
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


@transaction.atomic
def _enroll(*, program: Program, person: Person, at: datetime, store: Store | None) -> Enrolled:
    customer = _find(program, person)
    if customer is None:
        customer = _new_customer(program, person, at)
        customer.save(force_insert=True)
    member, _ = _member_of(program, customer, at)
    first_time = Member.objects.filter(pk=member.pk, enrolled_at=None).update(enrolled_at=at, last_activity_at=at)
    if not first_time:
        return Enrolled(member, created=False)
    member.enrolled_at = member.last_activity_at = at
    news = MemberEnrolled.about(member, at=at, card_number=member.card_number, store_id=store.pk if store else None)
    if program.welcome_bonus:
        [bonus] = settle([_welcoming(member, at)], at=at, also=lambda posted: [news])
        member.points_balance = bonus.points_balance
    else:
        outbox.publish(news)
    log.info("enrolled", member=str(member.pk), merchant=str(member.merchant_id))
    return Enrolled(member, created=True)


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
            card_number=new_card_number(),
            referral_code=new_referral_code(),
            last_activity_at=at,
        )
        member.save(force_insert=True)
    member.program, member.customer = program, customer
    return member, created


def _welcoming(member: Member, at: datetime) -> Booking:
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


def _find(program: Program, person: Person) -> Customer | None:
    """The one customer of this merchant who is this person. Raises `AmbiguousPerson` where several are."""
    # One look into one unique index for each clue; over an OR the merchant's customers would be read through.
    here = Customer.objects.filter(merchant_id=program.merchant_id)
    looks = []
    if person.email:
        looks.append(here.exclude(email="").alias(bare=Lower("email")).filter(bare=Lower(Value(person.email))))
    if person.phone:
        looks.append(here.filter(phone_number=person.phone))
    if person.external_ref:
        looks.append(here.filter(external_ref=person.external_ref))
    if person.user_id is not None:
        looks.append(here.filter(user_id=person.user_id))
    if not looks:
        return None
    found = list(looks[0].union(*looks[1:])) if len(looks) > 1 else list(looks[0])
    if len(found) > 1:
        raise AmbiguousPerson
    return found[0] if found else None


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


def _normalized(person: Person) -> Person:
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
