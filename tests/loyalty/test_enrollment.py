"""Becoming a member, once (specs: "Who may do what on a card")."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from loyalty.cards import is_card_number, new_card_number, new_referral_code
from loyalty.models import EntryType, LedgerEntry, Member, Program
from loyalty.operations import enrollment
from loyalty.operations.enrollment import AmbiguousPerson, InvalidPerson, Person
from loyalty.operations.points import ProgramInactive
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Customer
from tests.cast import make_merchant, refused


def enroll(program, at, **person):
    return enrollment.enroll(program=program, person=Person(**person), at=at)


def test_enrolling_makes_a_member_with_a_card_and_starts_the_clock(program, noon):
    enrolled = enroll(program, noon, email="Ann@Example.com", phone="+352 621 123 456", first_name=" Ann ")

    member = Member.objects.get()
    assert enrolled.created
    assert is_card_number(member.card_number)
    assert (member.enrolled_at, member.last_activity_at) == (noon, noon)
    assert (member.customer.first_name, str(member.customer.phone_number)) == ("Ann", "+352621123456")
    assert OutboxEvent.objects.get().kind == "loyalty.member_enrolled"


@pytest.mark.django_db
def test_the_welcome_bonus_comes_once(noon):
    program = make_merchant("generous", welcome_bonus=50)

    first = enroll(program, noon, email="ann@example.com")
    again = enroll(program, noon + timedelta(days=1), email="ANN@example.com")

    entry = LedgerEntry.objects.get()
    assert (first.created, again.created, again.member.pk) == (True, False, first.member.pk)
    assert (entry.type, entry.points_delta, entry.lifetime_delta) == (EntryType.WELCOME_BONUS, 50, 50)


@pytest.mark.parametrize("clue", [{"email": "ANN@example.COM"}, {"phone": "+352621123456"}, {"external_ref": "C-1"}])
def test_whoever_shares_a_clue_is_the_same_person(program, noon, clue):
    first = enroll(program, noon, email="ann@example.com", phone="+352621123456", external_ref="C-1")

    again = enroll(program, noon, **clue)

    assert not again.created
    assert again.member.pk == first.member.pk


def test_clues_of_different_members_are_ambiguous(program, noon):
    enroll(program, noon, email="ann@example.com")
    enroll(program, noon, phone="+352621123456")

    with refused(AmbiguousPerson):
        enroll(program, noon, email="ann@example.com", phone="+352621123456")
    assert Customer.objects.count() == 2


def test_the_same_person_at_another_merchant_is_another_customer(program, bookshop, noon):
    here, there = (enroll(place, noon, email="ann@example.com") for place in (program, bookshop))

    assert here.member.customer_id != there.member.customer_id
    assert there.created


def test_people_without_clues_are_people_of_their_own(program, noon):
    assert enroll(program, noon).member.pk != enroll(program, noon).member.pk


def test_a_member_by_mere_look_up_is_enrolled_later_with_the_bonus(program, noon):
    Program.objects.update(welcome_bonus=50)
    program.refresh_from_db()
    customer = Customer.objects.create(merchant=program.merchant, email="ann@example.com")
    seen = enrollment.member_for(program=program, customer=customer, at=noon)
    again = enrollment.member_for(program=program, customer=customer, at=noon)
    assert (seen.pk, seen.enrolled_at, LedgerEntry.objects.count()) == (again.pk, None, 0)
    assert not OutboxEvent.objects.exists()

    enrolled = enroll(program, noon + timedelta(days=1), email="ann@example.com")

    seen.refresh_from_db()
    assert (enrolled.created, enrolled.member.pk, seen.points_balance) == (True, seen.pk, 50)


@pytest.mark.parametrize(
    ("person", "field"),
    [({"email": "nobody"}, "email"), ({"phone": "12"}, "phone"), ({"phone": "+35200"}, "phone")],
)
def test_what_is_no_address_or_number_is_refused(program, noon, person, field):
    with refused(InvalidPerson) as caught:
        enroll(program, noon, **person)

    assert caught.value.facts["field"] == field


def test_nobody_enrols_in_an_inactive_program(program, noon):
    program.is_active = False

    with refused(ProgramInactive):
        enroll(program, noon, email="ann@example.com")


def test_twenty_tills_enrolling_one_person_make_one_member(own_database, noon):
    program = make_merchant("rush", welcome_bonus=50)
    results, failures = [], []

    def till():
        try:
            results.append(enroll(program, noon, email="ann@example.com", external_ref="C-1"))
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=till) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert sum(enrolled.created for enrolled in results) == 1
    assert Member.objects.get().points_balance == 50
    assert LedgerEntry.objects.count() == 1


def test_a_slip_in_a_card_number_is_noticed():
    number = new_card_number()
    slipped = ("1" if number[5] != "1" else "2").join([number[:5], number[6:]])

    assert is_card_number(number)
    assert not is_card_number(slipped)
    assert not is_card_number("")
    assert not is_card_number("١٢٣٤٥٦٧٨٩٠١٢٣٤٥٦")


def test_referral_codes_of_members_begin_with_m_and_hold_no_look_alikes():
    for _ in range(200):
        code = new_referral_code()
        assert code[0] == "M"
        assert len(code) == 8
        assert not set("01OIL") & set(code)
