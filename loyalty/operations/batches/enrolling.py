"""The enrolments of a batch: looked up in one query, written in another."""

from collections.abc import Sequence
from datetime import datetime

from loyalty.models import Member, Program
from loyalty.operations.batches.reading import Operation
from loyalty.operations.enrollment import (
    AmbiguousPerson,
    Enrolled,
    NoProgram,
    Person,
    insert_new,
    new_member,
    normalized,
)
from loyalty.queries import faces
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Customer, Store

_TRIES = 3


def enroll_all(store: Store, operations: Sequence[Operation], at: datetime) -> dict[str, Enrolled | Refusal]:
    """Who the people of these operations are, by client id: members found, or made now, or why not.

    Nothing is posted: the welcome bonus is the caller's.
    """
    results: dict[str, Enrolled | Refusal] = {}
    people: dict[str, Person] = {}
    for one in operations:
        try:
            people[one.client_id] = normalized(one.fields["person"])
        except Refusal as refusal:
            results[one.client_id] = refusal
    for _ in range(_TRIES):
        if not people:
            return results
        people = _enroll(store, people, results, at)
    raise RuntimeError("Neither could these people be enrolled nor were there such members.")


def _enroll(
    store: Store, people: dict[str, Person], results: dict[str, Enrolled | Refusal], at: datetime
) -> dict[str, Person]:
    """Put into `results` whom it can; returns those who have to be looked up again."""
    program, known = _look_up(store, list(people.values()))
    if program is None:
        results.update({client_id: NoProgram() for client_id in people})
        return {}
    index: dict[tuple[str, str], tuple[Customer, Member | None]] = {}
    for known_customer, known_member in known:
        _remember(index, known_customer, known_member)
    made: dict[str, Member] = {}
    again: dict[str, Person] = {}
    for client_id, person in people.items():
        same = {found[0].pk: found for clue in _clues(person) if (found := index.get(clue)) is not None}
        if len(same) > 1:
            results[client_id] = AmbiguousPerson()
            continue
        customer: Customer | None = None
        member: Member | None = None
        if same:
            [(customer, member)] = same.values()
        if member is not None and member.enrolled_at is not None:
            results[client_id] = Enrolled(member, created=False)
        elif member is not None:
            first = Member.objects.filter(pk=member.pk, enrolled_at=None).update(enrolled_at=at, last_activity_at=at)
            member.enrolled_at = member.last_activity_at = at
            results[client_id] = Enrolled(member, created=bool(first))
        else:
            made[client_id] = newcomer = new_member(program, customer, person, at)
            _remember(index, newcomer.customer, newcomer)
    # In one order, whatever the batch's: two batches with the same people must not wait for each other.
    written = insert_new(sorted(made.values(), key=lambda one: _order(one.customer))) if made else []
    written_ids = {one.pk for one in written}
    for client_id, newcomer in made.items():
        if newcomer.pk in written_ids:
            results[client_id] = Enrolled(newcomer, created=True)
        else:
            again[client_id] = people[client_id]
    return again


def _look_up(store: Store, people: list[Person]) -> tuple[Program | None, list[tuple[Customer, Member | None]]]:
    clues = {
        "email": [person.email.lower() for person in people if person.email],
        "phone": [person.phone for person in people if person.phone],
        "external_ref": [person.external_ref for person in people if person.external_ref],
    }
    return faces.persons("p.merchant_id = %s AND p.is_active", [store.merchant_id], clues)


def _clues(person: Person) -> list[tuple[str, str]]:
    pairs = [("email", person.email.lower()), ("phone", person.phone), ("external_ref", person.external_ref)]
    return [(name, value) for name, value in pairs if value]


def _remember(
    index: dict[tuple[str, str], tuple[Customer, Member | None]], customer: Customer, member: Member | None
) -> None:
    pairs = [
        ("email", customer.email.lower()),
        ("phone", str(customer.phone_number)),
        ("external_ref", customer.external_ref),
    ]
    for name, value in pairs:
        if value:
            index[name, value] = (customer, member)


def _order(customer: Customer) -> tuple[str, str, str]:
    return customer.email.lower(), str(customer.phone_number), customer.external_ref
