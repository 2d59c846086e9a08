"""A friend follows the link of an invitation, or scans a code, fills in the form, and both are credited."""

import re
from datetime import timedelta
from email.message import EmailMessage

from django.test import Client
from django.utils import timezone

from loyalty.models import LedgerEntry, Member
from loyalty.queries import reconciliation
from loyalty_site.outbox import relay
from notifications import dispatch
from referrals import jobs
from referrals.models import Invite
from referrals.operations import conversions
from tests.callers import operator_of, signed_in
from tests.cast import make_member, make_merchant
from tests.referrals.conftest import balance, set_rules
from tests.smtp_sink import body

HOST = "https://loyalty.example"
FRIEND = "friend@example.net"


def _cafe():
    program = make_merchant("cafe", welcome_bonus=50)
    set_rules(program, reward_points=500, invitee_points=100)
    return program, make_member(program, "alice", at=timezone.now())


def _works() -> None:
    """The worker does all day: news, mail and rewards."""
    for _ in range(2):
        relay()
        dispatch.dispatch()
        jobs.settle_rewards()


def _fills_in(link: str, address: str) -> Client:
    """A browser follows the link and sends the form as it stands on the page, with its token."""
    browser = Client(enforce_csrf_checks=True, REMOTE_ADDR=address, headers={"User-Agent": address})
    page = browser.get(link.removeprefix(HOST))
    assert page.status_code == 200
    text = page.content.decode()
    action = re.search(r'action="([^"]+)"', text)[1].replace("&amp;", "&")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)[1]
    form = {"csrfmiddlewaretoken": token, "first_name": "Friend", "email": FRIEND, "homepage": ""}
    answer = browser.post(action, form, follow=True)
    assert (answer.status_code, "Thank you!" in answer.content.decode()) == (200, True)
    return browser


def _kinds(mails: list[EmailMessage]) -> list[str]:
    return sorted(str(each["Subject"]) for each in mails)


def _both_are_credited_once(alice: Member) -> None:
    friend = Member.objects.get(customer__email=FRIEND)
    assert (balance(alice), balance(friend)) == (550, 150)
    assert LedgerEntry.objects.filter(type="referral_bonus").count() == 2
    assert Invite.objects.get().reward_state == "paid"
    assert list(reconciliation.differences()) == []


def test_the_link_in_a_mail_leads_to_a_card_and_to_points_for_both(own_database, mail):
    program, alice = _cafe()
    phone = signed_in(program.merchant, alice.customer.user_id)
    assert phone.post("referrals", {"inviteeEmail": FRIEND}).status_code == 201
    _works()
    [letter] = mail.to(FRIEND)
    link = re.search(rf"{HOST}/join/cafe\?ref=\w+", body(letter))
    assert link is not None
    assert link[0] in body(letter, "html").replace("&amp;", "&")

    browser = _fills_in(link[0], "85.93.201.7")
    _works()

    _both_are_credited_once(alice)
    friend = Member.objects.get(customer__email=FRIEND)
    assert friend.card_number in "".join(body(each) for each in mail.to(FRIEND))
    letters = _kinds(mail.mails)
    # Back at the link, a second time: nothing more is given, and nobody is written to.
    again = browser.get(link[0].removeprefix(HOST)).content.decode()
    assert "This invitation was used before." in again
    browser.cookies.clear()
    _fills_in(link[0], "46.29.0.1")
    _works()
    _both_are_credited_once(alice)
    assert _kinds(mail.mails) == letters


def test_a_members_own_code_scanned_from_their_picture_brings_points_to_both(own_database, mail):
    program, alice = _cafe()
    back_end = operator_of(program.merchant)
    code = back_end.get(f"members/{alice.customer.user_id}").json()["referralCode"]
    picture = Client().get("/join/cafe/qr", {"ref": code})
    assert picture["Content-Type"] == "image/svg+xml"
    link = f"{HOST}/join/cafe?ref={code}"
    assert link.removeprefix("https://") in picture.content.decode()

    _fills_in(link, "85.93.201.7")
    _works()

    _both_are_credited_once(alice)
    assert Invite.objects.get().is_standing


def test_an_invitation_whose_process_died_before_the_credit_is_credited_by_the_news_of_the_enrolment(own_database):
    program, alice = _cafe()
    now = timezone.now()
    friend = make_member(program, "friend", at=now)

    invite = conversions.attach(code=alice.referral_code, member=friend, at=now, waits=True)
    assert (invite.status, balance(alice), balance(friend)) == ("sent", 50, 50)
    relay()
    assert Invite.objects.filter(reward_state="pending").update(payable_at=now - timedelta(hours=1)) == 1
    _works()

    invite.refresh_from_db()
    assert (invite.status, invite.reward_state, balance(alice), balance(friend)) == ("converted", "paid", 550, 150)
