"""A member comes into being when first asked for: once, and with nothing."""

import pytest
from django.db import connections
from django.utils import timezone

from loyalty.models import Member
from loyalty.operations import enrollment, first_sight
from loyalty.operations.enrollment import NoProgram, Person
from loyalty_site.ids import new_id
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Customer
from tests.callers import operator_of, signed_in
from tests.cast import make_merchant, refused
from tests.http.serving import at_once


@pytest.mark.parametrize("door", [operator_of, signed_in])
def test_twenty_first_sights_at_once_make_one_member(own_database, door):
    program = make_merchant("cafe", welcome_bonus=50)
    user_id = new_id()
    callers = [door(program.merchant, *([user_id] if door is signed_in else [])) for _ in range(20)]

    def ask(caller):
        try:
            return caller.get(f"members/{user_id}")
        finally:
            connections.close_all()

    answers = at_once([lambda caller=caller: ask(caller) for caller in callers])

    assert [answer.status_code for answer in answers] == [200] * 20
    [member] = Member.objects.all()
    assert {answer.json()["id"] for answer in answers} == {str(member.pk)}
    assert Customer.objects.get().user_id == user_id


def test_a_member_of_first_sight_is_not_enrolled_and_nobody_hears_of_them(cafe, program, operator):
    program.welcome_bonus = 50
    program.save()

    body = operator.get(f"members/{new_id()}").json()

    member = Member.objects.get()
    assert member.enrolled_at is None
    assert (body["pointsBalance"], body["lifetimePoints"], member.last_number) == (0, 0, 0)
    assert not OutboxEvent.objects.exists()


def test_the_first_enrolment_gives_the_bonus_once(cafe, program, operator, noon):
    program.welcome_bonus = 50
    program.save()
    user_id = new_id()
    operator.get(f"members/{user_id}")
    person = Person(user_id=user_id, first_name="Ana")

    first, again = (enrollment.enroll(program=program, person=person, at=noon) for _ in range(2))

    assert (first.created, again.created) == (True, False)
    assert Member.objects.get().points_balance == 50


def test_a_known_customer_becomes_a_member_without_a_second_customer(cafe, program, noon):
    customer = Customer.objects.create(merchant=cafe, first_name="Ana")

    member = first_sight.member_of(merchant=cafe, user_id=customer.user_id, at=noon)

    assert Member.objects.get().customer == customer == member.customer


def test_without_an_active_program_a_former_member_is_known_and_a_stranger_refused(cafe, program, alice, noon):
    program.is_active = False
    program.save()

    assert first_sight.member_of(merchant=cafe, user_id=alice.customer.user_id, at=noon) == alice
    with refused(NoProgram):
        first_sight.member_of(merchant=cafe, user_id=new_id(), at=noon)
    assert Member.objects.count() == 1


def test_a_new_program_makes_a_new_membership(cafe, program, alice, noon):
    program.is_active = False
    program.save()
    newer = type(program).objects.create(merchant=cafe, name="New", currency="EUR")

    member = first_sight.member_of(merchant=cafe, user_id=alice.customer.user_id, at=timezone.now())

    assert (member.program, member.customer) == (newer, alice.customer)
    assert member == first_sight.member_of(merchant=cafe, user_id=alice.customer.user_id, at=noon)
