"""Invitations that do not count, and what speaks for trickery."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import Member, Program
from loyalty_site.storefront.visitors import COOKIE
from referrals.models import DeviceTrace, Invite, ReferralReview
from referrals.operations import invites
from tests.callers import at_the_hub
from tests.cast import make_member, make_merchant
from tests.referrals.conftest import balance, set_rules
from tests.storefront.joining import ANNA, Visitor, member, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def program(db):
    program = make_merchant("cafe", welcome_bonus=50)
    set_rules(program, reward_points=500, invitee_points=100)
    return program


@pytest.fixture
def alice(program):
    return make_member(program, "alice", at=timezone.now() - timedelta(days=90))


def _over(alice):
    return invites.create(member=alice, at=timezone.now() - timedelta(days=31)).code


def _cancelled(alice):
    made = invites.create(member=alice, at=timezone.now())
    return invites.cancel(member=alice, invite_id=made.pk, at=timezone.now()).code


def _taken(alice):
    made = invites.create(member=alice, at=timezone.now())
    Visitor("46.29.0.9", ref=made.code).sends(email="first@example.net")
    return made.code


def _of_a_card_switched_off(alice):
    Member.objects.filter(pk=alice.pk).update(is_active=False)
    return alice.referral_code


def _another_merchants(alice):
    return make_member(make_merchant("bookshop"), "bookworm").referral_code


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda alice: "RNOTHERE", "do not know this invitation"),
        (lambda alice: "M" * 5_000, "do not know this invitation"),
        (lambda alice: "%00%F0%9F%92%A9", "do not know this invitation"),
        (lambda alice: "' OR 1=1 --", "do not know this invitation"),
        (_another_merchants, "do not know this invitation"),
        (_over, "invitation is over"),
        (_cancelled, "invitation is over"),
        (_of_a_card_switched_off, "invitation is over"),
        (_taken, "was used before"),
    ],
)
def test_an_invitation_that_does_not_count_says_so_and_keeps_nobody_out(alice, made, says):
    visitor = Visitor(ref=made(alice))
    known = balance(alice)

    page = visitor.opens()
    response = visitor.sends()

    assert says in said(page)
    assert "You were invited" not in said(page)
    assert says in said(visitor.client.get(response["Location"]))
    assert balance(member()) == 50
    assert balance(alice) == known


def test_the_same_person_by_another_spelling_joins_and_nobody_is_credited(program, alice):
    make_member(program, "zoe", at=timezone.now() - timedelta(days=90))
    Member.objects.get(customer__first_name="Zoe").customer.__class__.objects.filter(first_name="Zoe").update(
        email="zoe.weber@gmail.com"
    )
    zoe = Member.objects.get(customer__first_name="Zoe")

    response = Visitor(ref=zoe.referral_code).sends(email="zoeweber+2@googlemail.com")

    assert response.status_code == 303
    assert balance(member("zoeweber+2@googlemail.com")) == 50
    assert balance(zoe) == 50
    assert not Invite.objects.exists()


def test_who_is_signed_in_is_told_that_it_is_their_own_code(alice):
    hub = at_the_hub(alice)

    own = said(hub.get("/join/cafe", {"ref": alice.referral_code}))
    anothers = said(Visitor(ref=alice.referral_code).opens())

    assert "your own invitation" in own
    assert "You were invited" not in own
    assert "your own invitation" not in anothers


def test_the_answer_to_ones_own_code_is_that_to_any_code(program, alice):
    own = Visitor(ref=alice.referral_code).sends(email="alice@example.com")
    other = Visitor(ref=alice.referral_code).sends(email="anna@example.net")

    assert own["Location"] == other["Location"]
    assert "nobody can invite themselves" in said(Visitor().client.get(own["Location"]))


def test_two_who_join_with_one_browser_wait_for_a_review(program):
    visitor = Visitor()
    visitor.sends(email="first@example.net")
    first = member("first@example.net")
    cookie = visitor.client.cookies[COOKIE]

    visitor.ref = first.referral_code
    visitor.sends()

    assert (cookie["httponly"], cookie["samesite"], len(cookie.value)) == (True, "Lax", 22)
    review = ReferralReview.objects.select_related("invite").get()
    assert {each["code"] for each in review.invite.signals} >= {"same_device", "same_address_and_browser"}
    assert (balance(first), balance(member())) == (50, 50)


def test_of_browser_and_address_only_hashes_are_kept(program):
    Visitor().sends()

    kinds = {trace.kind for trace in DeviceTrace.objects.filter(member=member())}
    assert kinds == {"device", "address", "browser"}
    assert all(len(bytes(trace.digest)) == 32 for trace in DeviceTrace.objects.all())


def test_a_cookie_that_is_not_ours_is_replaced(program):
    visitor = Visitor()
    visitor.client.cookies[COOKIE] = "x" * 3_000

    visitor.sends()

    assert len(visitor.client.cookies[COOKIE].value) == 22


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "", "unix:", "::1", "fd00::1"])
def test_an_address_behind_a_proxy_tells_of_nobody(program, address):
    Visitor(address).sends()

    assert {trace.kind for trace in DeviceTrace.objects.all()} == {"device"}


def test_behind_ones_own_proxies_the_visitor_is_whom_they_name(program, settings):
    settings.PROXY_COUNT = 1
    for number, said_before in enumerate(("", "1.1.1.1, ", "9.9.9.9, ")):
        forwarded = {"X-Forwarded-For": f"{said_before}85.93.201.7"}
        Visitor("10.0.0.5", **forwarded).sends(email=f"v{number}@example.net")

    digests = {bytes(trace.digest) for trace in DeviceTrace.objects.filter(kind="address")}
    assert (len(digests), DeviceTrace.objects.filter(kind="address").count()) == (1, 3)


def test_a_phone_that_changes_its_address_within_its_network_is_one_phone(program):
    for number, address in enumerate(("2a01:4f8::1", "2a01:4f8::2:3", "2a01:4f8:0:1::1")):
        Visitor(address).sends(email=f"v{number}@example.net")

    assert len({bytes(trace.digest) for trace in DeviceTrace.objects.filter(kind="address")}) == 2


def test_a_program_that_has_ended_invites_nobody(program, alice):
    Program.objects.filter(pk=program.pk).update(is_active=False)
    Program.objects.create(merchant=program.merchant, name="New club", currency="EUR")

    page = said(Visitor(ref=alice.referral_code).opens())

    assert "Join New club" in page
    assert "invitation is over" in page
    assert ANNA["email"] not in page
