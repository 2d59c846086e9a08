"""The page on which people join by themselves."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from loyalty.models import Member
from loyalty.operations import first_sight
from loyalty.queries import reconciliation
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Customer
from referrals.models import DeviceTrace, Invite
from referrals.operations import invites
from tests.cast import make_member, make_merchant
from tests.referrals.conftest import balance, set_rules
from tests.storefront.joining import ANNA, Visitor, member, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(db):
    return make_merchant("cafe", welcome_bonus=50)


@pytest.fixture
def alice(program):
    return make_member(program, "alice", at=timezone.now() - timedelta(days=90))


@pytest.fixture
def gives(program):
    return set_rules(program, reward_points=500, invitee_points=100)


def is_thanked(response):
    return response.status_code == 303 and response["Location"].startswith("/join/cafe/thanks")


# --- Joining ------------------------------------------------------------------------------------------------------
def test_whoever_sends_the_form_is_a_member_with_the_welcome_bonus(program):
    given = {"last_name": "Weber", "phone": "+352 621 123 456", "birth_date": "1990-05-17"}

    response = Visitor(**{"Accept-Language": "de-LU,de;q=0.9"}).sends(**given)

    assert is_thanked(response)
    anna = member()
    assert (anna.customer.first_name, anna.customer.last_name, anna.customer.locale) == ("Anna", "Weber", "de")
    assert (str(anna.customer.phone_number), anna.customer.birth_date) == ("+352621123456", date(1990, 5, 17))
    assert (anna.enrolled_at is not None, anna.points_balance) == (True, 50)
    assert (anna.customer.marketing_consent, anna.customer.marketing_consent_at) == (False, None)


def test_consent_is_kept_with_its_time_and_source(program):
    before = timezone.now()

    Visitor().sends(marketing_consent="on")

    customer = member().customer
    assert customer.marketing_consent
    assert customer.marketing_consent_source == "join"
    assert before <= customer.marketing_consent_at <= timezone.now()


def test_joining_twice_makes_one_member_one_bonus_and_one_piece_of_news(program):
    visitor = Visitor()

    assert is_thanked(visitor.sends())
    assert is_thanked(visitor.sends())

    assert Member.objects.count() == 1
    assert balance(member()) == 50
    assert OutboxEvent.objects.filter(kind="loyalty.member_enrolled").count() == 1


def test_a_member_is_answered_as_a_new_one_and_stays_as_they_are(program):
    Visitor("85.93.201.8").sends(email="new@example.net")
    anna = make_member(program, "anna")
    Customer.objects.filter(pk=anna.customer_id).update(email="anna@example.net")
    before = Customer.objects.filter(pk=anna.customer_id).values().get()

    stranger = Visitor("85.93.201.9")
    known = stranger.sends(
        email="ANNA@example.net", first_name="Mallory", phone="+352621123456", marketing_consent="on", birth_date=""
    )
    new = stranger.sends(email="other@example.net")

    assert (known.status_code, known["Location"], known.content) == (new.status_code, new["Location"], new.content)
    assert set(known.headers) == set(new.headers)
    assert Customer.objects.filter(pk=anna.customer_id).values().get() == before
    assert not DeviceTrace.objects.filter(member=anna).exists()


def test_a_stranger_with_a_code_is_not_credited_for_somebody_who_is_a_member(program, alice, gives):
    make_member(program, "bob", at=timezone.now() - timedelta(days=1))

    assert is_thanked(Visitor(ref=alice.referral_code).sends(email="bob@example.com"))

    assert not Invite.objects.exists()
    assert balance(alice) == 50


def test_a_phone_number_that_is_anothers_is_left_out(program):
    Visitor().sends(email="bea@example.net", phone="+352621123456")

    assert is_thanked(Visitor().sends(phone="+352621123456"))

    assert str(member().customer.phone_number) == ""
    assert str(member("bea@example.net").customer.phone_number) == "+352621123456"
    assert balance(member()) == 50


def test_a_phone_number_of_somebody_without_a_card_enrols_them_not(program):
    known = Customer.objects.create(merchant=program.merchant, phone_number="+352621123456")
    first_sight.member_of(merchant=program.merchant, user_id=known.user_id, at=timezone.now())

    Visitor().sends(phone="+352621123456")

    assert Member.objects.get(customer=known).enrolled_at is None
    assert member().enrolled_at is not None


def test_somebody_known_by_a_look_up_alone_gets_bonus_and_news_now(program, alice, gives):
    known = Customer.objects.create(merchant=program.merchant, email="anna@example.net", first_name="Annabel")
    first_sight.member_of(merchant=program.merchant, user_id=known.user_id, at=timezone.now())

    assert is_thanked(Visitor(ref=alice.referral_code).sends())

    anna = member()
    assert anna.customer_id == known.pk
    assert (anna.customer.first_name, anna.points_balance, balance(alice)) == ("Annabel", 150, 550)
    assert OutboxEvent.objects.filter(kind="loyalty.member_enrolled", facts__member_id=str(anna.pk)).count() == 1


def test_the_same_person_joins_two_merchants_and_neither_knows_of_the_other(program):
    make_merchant("bookshop")

    Visitor().sends()
    Visitor(merchant="bookshop").sends()

    assert [each.merchant.slug for each in Customer.objects.order_by("created_at")] == ["cafe", "bookshop"]


# --- Invitations --------------------------------------------------------------------------------------------------
def test_an_invite_credits_both_at_once_and_lasts_over_a_mistake(program, alice, gives):
    invite = invites.create(member=alice, invitee_email="anna@example.net", at=timezone.now())
    visitor = Visitor(ref=f" {invite.code.lower()} ")

    page = visitor.opens()
    assert "You were invited" in said(page)
    assert "100 points because a friend invited you" in said(page)
    assert "Alice" not in said(page)
    wrong = visitor.sends(email="anna(at)example.net")
    assert wrong.status_code == 422
    action = wrong.content.decode().split('action="')[1].split('"')[0].replace("&amp;", "&")
    assert is_thanked(visitor.client.post(action, ANNA))

    invite.refresh_from_db()
    assert (invite.status, invite.reward_state, invite.invitee) == ("converted", "paid", member())
    assert (balance(alice), balance(member())) == (550, 150)
    assert list(reconciliation.differences()) == []


def test_a_standing_code_is_good_for_many(program, alice, gives):
    for name in ("anna", "bert"):
        Visitor("85.93.201.7" if name == "anna" else "46.29.0.1", ref=alice.referral_code).sends(
            email=f"{name}@example.net"
        )

    assert Invite.objects.filter(status="converted", is_standing=True).count() == 2
    assert balance(alice) == 1050


def test_where_the_first_order_counts_the_invitation_waits_for_it(program, alice):
    set_rules(program, invitee_points=100, converts_on="first_order", minimum_order=10)
    visitor = Visitor(ref=alice.referral_code)

    assert "100 points with your first order" in said(visitor.opens())
    visitor.sends()

    invite = Invite.objects.get()
    assert (invite.status, invite.invitee, balance(member())) == ("sent", member(), 50)
