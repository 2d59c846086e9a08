"""The join page under nonsense, haste and strangers."""

import re
import threading

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.models import LedgerEntry, Member, Program
from loyalty.queries import reconciliation
from loyalty_site.http.models import RateLimitedHour, RateWindow
from loyalty_site.tenants.models import Merchant
from referrals.models import Invite
from referrals.operations import invites
from tests.cast import make_member, make_merchant
from tests.referrals.conftest import balance, set_rules
from tests.storefront.joining import ANNA, Visitor, said, steps


@pytest.fixture
def program(db):
    return make_merchant("cafe", welcome_bonus=50)


# --- Nonsense -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("first_name", "", "What is your first name?"),
        ("first_name", " \t ", "What is your first name?"),
        ("first_name", "A" * 81, "This is too long."),
        ("first_name", "An\x00na", "This cannot be a name."),
        ("first_name", "An\x07na", "A name without links"),
        ("first_name", "anna\u202egnp.exe", "A name without links"),
        ("first_name", "Win https://spam.example", "A name without links"),
        ("last_name", "<script>alert(1)</script>", "A name without links"),
        ("email", "", "we cannot send you your card"),
        ("email", "anna", "This is no e-mail address."),
        ("email", "anna@example.net, bert@example.net", "This is no e-mail address."),
        ("email", "anna@example.net\nBcc: all@example.net", "This is no e-mail address."),
        ("email", "a" * 250 + "@example.net", "This is"),
        ("phone", "621 123 456", "This is no phone number."),
        ("phone", "+999 1", "This is no phone number."),
        ("phone", "+" + "3" * 50, "This is too long."),
        ("birth_date", "2999-01-01", "This is no date of birth."),
        ("birth_date", "1899-12-31", "This is no date of birth."),
        ("birth_date", "17.5.1990", "This is no date of birth."),
    ],
)
def test_what_cannot_be_is_named_and_the_rest_is_kept(program, field, text, says):
    given = {"last_name": "Weber", "marketing_consent": "on"}

    response = Visitor().sends(**(given | {field: text}))

    page = response.content.decode()
    assert response.status_code == 422
    assert says in said(response)
    assert f'aria-describedby="id_{field}' in page
    assert page.count('aria-invalid="true"') == 1
    for name, kept in (ANNA | {"last_name": "Weber"}).items():
        assert name == field or f'value="{kept}"' in page
    assert re.search(r'name="marketing_consent"[^>]* checked', page)
    assert not Member.objects.exists()


@pytest.mark.parametrize("name", ["مريم", "Zoë-Marie O'Neill", "李小龍", "שרה", "Jean\u200dPaul", "Ng"])
def test_names_of_every_script_are_names(program, name):
    assert Visitor().sends(first_name=name).status_code == 303

    assert Member.objects.select_related("customer").get().customer.first_name == name


def test_a_name_with_markup_in_it_is_shown_and_not_run(program):
    Merchant.objects.filter(pk=program.merchant_id).update(name='<b>Café</b> "{program}"')

    page = Visitor().sends(first_name='"><img src=x>').content.decode()

    assert "<img src=x" not in page
    assert "&lt;b&gt;Café&lt;/b&gt; &quot;{program}&quot;" in page


@pytest.mark.parametrize("size", [2_000_000])
def test_a_form_that_is_too_large_is_refused_without_a_fault(program, size):
    assert Visitor().sends(first_name="A" * size).status_code == 400


def test_unknown_fields_and_many_of_one_do_no_harm(program):
    assert Visitor().sends(is_staff="1", points="9999", email=["x@example.net", "anna@example.net"]).status_code == 303

    assert Member.objects.get().customer.email == "anna@example.net"


@pytest.mark.parametrize("path", ["", "/thanks", "/qr", "/start.gif"])
@pytest.mark.parametrize("is_off", ["no such", "merchant", "program"])
def test_where_nobody_can_join_there_is_nothing(program, is_off, path):
    if is_off == "merchant":
        Merchant.objects.filter(pk=program.merchant_id).update(is_active=False)
    if is_off == "program":
        Program.objects.update(is_active=False)
    slug = "nobody" if is_off == "no such" else "cafe"

    response = Client().get(f"/join/{slug}{path}")

    assert (response.status_code, "Nothing here" in said(response)) == (404, True)
    assert steps() == {}


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(program, method):
    assert getattr(Client(), method)("/join/cafe").status_code == 405


def test_a_form_of_another_site_is_refused(program):
    browser = Client(enforce_csrf_checks=True)

    assert browser.post("/join/cafe", ANNA).status_code == 403
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/join/cafe").content.decode())
    assert browser.post("/join/cafe", ANNA | {"csrfmiddlewaretoken": token[1]}).status_code == 303


def test_the_page_runs_and_loads_nothing_of_others(program):
    response = Visitor().opens()

    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "form-action 'self'" in policy
    assert "<script" not in response.content.decode()
    nonce = re.search(r'<style nonce="([^"]+)"', response.content.decode())
    assert f"'nonce-{nonce[1]}'" in policy
    assert response["Cache-Control"] == "no-store"


# --- Haste --------------------------------------------------------------------------------------------------------
def test_a_trap_that_was_filled_in_enrols_nobody_and_looks_like_success(program):
    trapped, real = Visitor().sends(homepage="https://spam.example"), Visitor().sends(email="b@example.net")

    assert (trapped.status_code, trapped["Location"]) == (real.status_code, real["Location"])
    assert Member.objects.count() == 1
    assert steps() == {"submit": 1, "success": 1}


def test_one_address_may_send_the_form_ten_times_a_minute_and_others_still_may(program, settings):
    settings.RATE_LIMIT_JOIN_ADDRESS = 3
    visitor = Visitor()
    for number in range(3):
        assert visitor.sends(email=f"v{number}@example.net").status_code == 303

    late = visitor.sends(email="late@example.net")

    assert late.status_code == 429
    assert 1 <= int(late["Retry-After"]) <= 60
    assert "Nothing is lost" in said(late)
    assert 'value="late@example.net"' in late.content.decode()
    assert Visitor("46.29.0.1").sends(email="other@example.net").status_code == 303
    assert Member.objects.count() == 4


def test_one_merchant_takes_so_many_a_minute_whoever_sends_them(program, settings):
    settings.RATE_LIMIT_JOIN_MERCHANT = 2
    make_merchant("bookshop")

    answers = [Visitor(f"46.29.0.{number}").sends(email=f"v{number}@example.net").status_code for number in range(3)]

    assert answers == [303, 303, 429]
    assert Visitor(merchant="bookshop").sends().status_code == 303


def test_the_counts_of_addresses_name_none(program, settings):
    settings.RATE_LIMIT_JOIN_ADDRESS = 0
    Visitor().sends()

    subjects = [row.subject for model in (RateWindow, RateLimitedHour) for row in model.objects.all()]
    assert subjects
    assert all("85.93" not in each and len(each) <= 80 for each in subjects)


# --- At once ------------------------------------------------------------------------------------------------------
def at_once(calls):
    """What these calls returned, from threads that start together."""
    gate, results = threading.Barrier(len(calls)), []

    def run(call):
        try:
            gate.wait(20)
            results.append(call())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_six_who_send_the_same_form_at_once_are_one_member_and_one_conversion(own_database):
    program = make_merchant("cafe", welcome_bonus=50)
    set_rules(program, reward_points=500, invitee_points=100)
    alice = make_member(program, "alice", at=timezone.now())
    invite = invites.create(member=alice, at=timezone.now())
    visitors = [Visitor(f"46.29.0.{number}", ref=invite.code) for number in range(6)]

    results = at_once([visitor.sends for visitor in visitors])

    assert [each.status_code for each in results] == [303] * 6
    anna = Member.objects.get(customer__email="anna@example.net")
    invite.refresh_from_db()
    assert (invite.status, invite.invitee, invite.reward_state) == ("converted", anna, "paid")
    assert (balance(alice), balance(anna)) == (550, 150)
    assert LedgerEntry.objects.filter(type="referral_bonus").count() == 2
    assert steps() == {"submit": 6, "success": 1}
    assert list(reconciliation.differences()) == []


def test_six_who_come_with_one_invite_at_once_are_six_members_and_one_conversion(own_database):
    program = make_merchant("cafe", welcome_bonus=50)
    set_rules(program, reward_points=500, invitee_points=100)
    alice = make_member(program, "alice", at=timezone.now())
    invite = invites.create(member=alice, at=timezone.now())
    visitors = [Visitor(f"46.29.{number}.1", ref=invite.code, **{"User-Agent": f"P{number}"}) for number in range(6)]

    results = at_once(
        [lambda each=each, n=n: each.sends(email=f"p{n}@example{n}.net") for n, each in enumerate(visitors)]
    )

    assert [each.status_code for each in results] == [303] * 6
    assert Member.objects.count() == 7
    assert Invite.objects.filter(status="converted").count() == 1
    assert (balance(alice), LedgerEntry.objects.filter(type="referral_bonus").count()) == (550, 2)
    assert list(reconciliation.differences()) == []


# --- The funnel and the cost --------------------------------------------------------------------------------------
def test_the_funnel_counts_who_opens_begins_sends_and_joins(program):
    visitor = Visitor()
    visitor.opens()
    visitor.client.head("/join/cafe")
    visitor.client.get("/join/cafe", headers={"Sec-Purpose": "prefetch;prerender"})
    picture = visitor.client.get("/join/cafe/start.gif")
    visitor.sends(email="wrong")
    visitor.sends()
    visitor.sends()
    visitor.client.get("/join/cafe/thanks")

    assert (picture["Content-Type"], picture["Cache-Control"]) == ("image/gif", "private, max-age=1800")
    assert steps() == {"view": 1, "start": 1, "submit": 3, "success": 1}


def _queries(call):
    with CaptureQueriesContext(
        connection,
    ) as seen:
        call()
    own = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")
    return len([each for each in seen.captured_queries if not each["sql"].startswith(own)])


def test_a_page_costs_three_queries_and_joining_a_few(program):
    set_rules(program, reward_points=500, invitee_points=100)
    alice = make_member(program, "alice", at=timezone.now())
    Visitor().sends(email="warm@example.net")

    assert _queries(Visitor(ref=alice.referral_code).opens) == 3
    assert _queries(Visitor().opens) == 2
    assert _queries(lambda: Visitor().sends(email="warm@example.net")) <= 6
    # Two limits, two steps of the funnel, the person, the card, the bonus; with an invitation, its two transactions.
    assert _queries(lambda: Visitor().sends()) <= 12
    assert _queries(lambda: Visitor(ref=alice.referral_code).sends(email="x@example.lu")) <= 22
