"""Where the program has addresses confirmed, nobody is a member before they followed the link in their mail."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from loyalty.models import Member, Program
from loyalty.queries import reconciliation
from loyalty_site.storefront import jobs
from loyalty_site.storefront.join import requests
from loyalty_site.storefront.models import JoinRequest
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import Customer
from notifications import dispatch
from notifications.models import Message
from referrals.models import Invite
from referrals.operations import invites
from tests.cast import make_member, make_merchant
from tests.referrals.conftest import balance, set_rules
from tests.smtp_sink import body
from tests.storefront.joining import ANNA, Visitor, member, said, steps


@pytest.fixture
def program(db):
    program = make_merchant("cafe", welcome_bonus=50, double_opt_in=True)
    set_rules(program, reward_points=500, invitee_points=100)
    return program


def link(email=ANNA["email"], *, merchant="cafe"):
    request = JoinRequest.objects.get(email__iexact=email, merchant__slug=merchant)
    return f"/join/{merchant}/confirm/{requests.token(request.pk)}"


def test_a_form_becomes_a_member_by_the_link_in_the_mail(own_database, mail):
    program = make_merchant("cafe", welcome_bonus=50, double_opt_in=True)
    set_rules(program, reward_points=500, invitee_points=100)
    alice = make_member(program, "alice", at=timezone.now())
    invite = invites.create(member=alice, at=timezone.now())
    visitor = Visitor(ref=invite.code, **{"Accept-Language": "fr"})

    answer = visitor.client.get(visitor.sends(marketing_consent="on", phone="+352621123456")["Location"])
    assert "Suivez-le dans les sept jours" in said(answer)
    assert not Member.objects.filter(customer__email=ANNA["email"]).exists()
    dispatch.dispatch()
    [letter] = mail.to(ANNA["email"])
    found = re.search(r"https://loyalty\.example(/join/cafe/confirm/[\w-]+\?lang=fr)", body(letter))
    assert found is not None, body(letter)
    assert "Confirmez votre adresse" in letter["Subject"]

    phone = Client(enforce_csrf_checks=True, REMOTE_ADDR="85.93.201.9")
    for _ in range(2):
        page = phone.get(found[1])
        assert "anna@example.net" in said(page)
        assert "Vous avez accepté les offres" in said(page)
    assert not Member.objects.filter(customer__email=ANNA["email"]).exists()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())[1]
    done = phone.post(found[1], {"csrfmiddlewaretoken": token}, follow=True)

    assert "votre carte est en route" in said(done)
    anna = member()
    assert (anna.customer.locale, anna.customer.marketing_consent_source) == ("fr", "join")
    assert (balance(anna), balance(alice)) == (150, 550)
    assert Invite.objects.get().status == "converted"
    assert not JoinRequest.objects.exists()
    assert steps() == {"submit": 1, "success": 1}
    again = phone.get(found[1])
    assert (again.status_code, "Ce lien n&#x27;est plus valable" in said(again)) == (404, True)
    assert list(reconciliation.differences()) == []


def test_a_member_is_answered_alike_and_not_written_to(program):
    make_member(program, "anna")
    Customer.objects.update(email="anna@example.net")

    known, new = Visitor().sends(), Visitor().sends(email="new@example.net")

    assert (known.status_code, known["Location"], known.content) == (new.status_code, new["Location"], new.content)
    assert [each.recipient for each in Message.objects.filter(code=requests.CODE)] == ["new@example.net"]
    assert set(known.headers) == set(new.headers)


def test_a_form_sent_ten_times_is_one_request_with_the_last_words_and_one_mail_a_day(program, settings):
    settings.RATE_LIMIT_JOIN_ADDRESS = 100
    for number in range(10):
        Visitor().sends(first_name=f"Anna{number}", email="ANNA@example.net" if number % 2 else "anna@example.net")

    request = JoinRequest.objects.get()
    assert request.first_name == "Anna9"
    assert Message.objects.filter(code=requests.CODE).count() == 1
    assert is_enrolled_by(link())


def is_enrolled_by(address):
    return Client().post(address).status_code == 303 and Member.objects.exists()


def test_the_same_link_twice_at_once_is_one_member(program):
    Visitor().sends()
    address = link()

    first, second = Client().post(address), Client().post(address)

    assert (first.status_code, second.status_code) == (303, 404)
    assert balance(member()) == 50


@pytest.mark.parametrize("days", [7, 30])
def test_after_seven_days_the_link_is_over_and_what_was_written_is_gone(program, days):
    Visitor().sends()
    address = link()
    JoinRequest.objects.update(created_at=timezone.now() - timedelta(days=days, minutes=1))

    assert Client().get(address).status_code == 404
    assert Client().post(address).status_code == 404
    # The nightly run goes by its instant, which may be a day ago.
    JoinRequest.objects.update(created_at=timezone.now() - timedelta(days=8))
    jobs.forget_join_requests()
    assert not JoinRequest.objects.exists()
    assert not Member.objects.exists()


def test_what_is_still_open_is_not_swept_away(program):
    for number in range(5):
        Visitor(f"46.29.0.{number}").sends(email=f"v{number}@example.net")
    late = JoinRequest.objects.order_by("pk").values_list("pk", flat=True)[:3]
    JoinRequest.objects.filter(pk__in=list(late)).update(created_at=timezone.now() - timedelta(days=8))

    assert requests.forget_old(at=timezone.now(), chunk=2) == 3
    assert JoinRequest.objects.count() == 2


@pytest.mark.parametrize("text", ["x", "A" * 43, "%00", "💩", "A" * 5_000, "....", "=" * 43])
def test_a_link_that_is_none_leads_to_the_form_again(program, text):
    page = Client().get(f"/join/cafe/confirm/{text}")

    assert page.status_code == 404
    assert 'href="/join/cafe?lang=en"' in page.content.decode()


def test_another_merchants_link_is_none_here(program):
    make_merchant("bookshop", double_opt_in=True)
    Visitor(merchant="bookshop").sends()
    address = link(merchant="bookshop").replace("bookshop", "cafe")

    assert Client().post(address).status_code == 404
    assert JoinRequest.objects.count() == 1


def test_a_link_counts_though_the_program_asks_for_none_any_more(program):
    Visitor().sends()
    Program.objects.update(double_opt_in=False)

    assert is_enrolled_by(link())


def test_a_bad_phone_number_is_named_before_anything_is_kept(program):
    assert "This is no phone number" in said(Visitor().sends(phone="12"))
    assert not JoinRequest.objects.exists()


def test_what_was_written_is_handed_out_and_forgotten_with_the_person(program):
    Visitor().sends(last_name="Weber")
    anna = make_member(program, "anna")
    Customer.objects.filter(pk=anna.customer_id).update(email="ANNA@example.net")
    customer = Customer.objects.get(pk=anna.customer_id)

    [row] = privacy.export(customer)["loyalty_join_requests"]
    assert row["last_name"] == "Weber"
    privacy.forget(customer, at=timezone.now())

    assert not JoinRequest.objects.exists()
