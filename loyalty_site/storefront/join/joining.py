"""Somebody joins by themselves, perhaps with an invitation: enrolled, and the invitation taken up, as one change."""

from dataclasses import replace
from datetime import datetime

import structlog
from django.db import transaction

from loyalty.models import Member, Program
from loyalty.operations import enrollment
from loyalty.operations.enrollment import AmbiguousPerson, Person
from loyalty.queries import faces
from loyalty_site import outbox
from loyalty_site.refusals import Refusal
from referrals.models import ConvertsOn
from referrals.operations import conversions, devices
from referrals.operations.devices import Footprint
from referrals.queries.offers import Offer, State

log = structlog.get_logger("loyalty.card_service")


class _AnothersPhone(Exception):
    """The phone number led to somebody else: this is rolled back."""


def join(*, program: Program, person: Person, offer: Offer | None, footprint: Footprint, at: datetime) -> bool:
    """Enrol the person, with the welcome bonus and the invitation's points; True if this call made them a member.

    Whoever fills in a form is nobody whom we know, so a member there is stays exactly as they are: neither their data
    nor with whose invitation they came is changed. The e-mail address says who somebody is; a phone number that is
    another's is left out. Raises `InvalidPerson`.
    """
    person = enrollment.normalized(person)
    try:
        member, waiting = _enrolled(program, person, offer, footprint, at)
    except (AmbiguousPerson, _AnothersPhone):
        member, waiting = _enrolled(program, replace(person, phone=""), offer, footprint, at)
    if member is not None and waiting and offer is not None:
        _credit(program, member, offer, at)
    return member is not None


@transaction.atomic
def _enrolled(
    program: Program, person: Person, offer: Offer | None, footprint: Footprint, at: datetime
) -> tuple[Member | None, bool]:
    """The member that was made, or None; and whether an invitation waits to be credited.

    A transaction posts once, and the welcome bonus is that once. So the invitation is only attached here: it cannot be
    lost any more, for the news of the enrolment converts it if nobody does before.
    """
    _, found = faces.persons("p.id = %s", [program.pk], {"email": person.email, "phone": person.phone})
    known = [member for customer, member in found if _is_of(person, customer.email)]
    if len(known) < len(found):
        person = replace(person, phone="")
    member = known[0] if known else None
    if member is not None and member.enrolled_at is not None:
        return None, False
    with outbox.together():
        # The invitation is locked before any member: somebody known by a look-up is locked with the inviter.
        waiting = member is not None and _attach(member, offer, at)
        enrolled = enrollment.enroll(program=program, person=person, at=at)
        if not enrolled.created:
            return None, False
        if not _is_of(person, enrolled.member.customer.email):
            raise _AnothersPhone
        devices.note(member=enrolled.member, footprint=footprint, at=at)
        waiting = waiting or (member is None and _attach(enrolled.member, offer, at))
    return enrolled.member, waiting


def _is_of(person: Person, email: str) -> bool:
    return email.lower() == person.email.lower()


def _attach(member: Member, offer: Offer | None, at: datetime) -> bool:
    """Whether the invitation is the member's now. One that does not count keeps nobody from joining."""
    if offer is None or offer.state != State.OPEN:
        return False
    try:
        with transaction.atomic():
            conversions.attach(code=offer.code, member=member, at=at, waits=True)
    except Refusal as refusal:
        log.info("invitation_refused", member=str(member.pk), merchant=str(member.merchant_id), code=refusal.code)
        return False
    return True


def _credit(program: Program, member: Member, offer: Offer, at: datetime) -> None:
    """Credit both sides now, where enrolling is what counts; what is refused here is left to the settling job."""
    if offer.rules is None or offer.rules.converts_on != ConvertsOn.ENROLLMENT:
        return
    try:
        conversions.complete(merchant=program.merchant, code=offer.code, invitee=member, at=at)
    except Refusal as refusal:
        log.info("invitation_refused", member=str(member.pk), merchant=str(member.merchant_id), code=refusal.code)
