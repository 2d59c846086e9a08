"""A member invites a friend, the friend becomes a customer, and both are credited: through the doors, start to end."""

import re
import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from loyalty.models import LedgerEntry, Member
from loyalty.queries import reconciliation
from loyalty_site.outbox import relay
from loyalty_site.tenants.models import Store
from notifications import dispatch
from referrals import jobs
from referrals.models import Invite
from referrals.operations import conversions
from tests.callers import operator_of, signed_in
from tests.cast import make_member, make_merchant
from tests.referrals.conftest import balance, set_rules
from tests.smtp_sink import body
from tests.tills import Till

FRIEND = {"email": "friend@example.net", "firstName": "Friend", "locale": "en"}


class Cafe:
    """The café with its till and back end, and Alice, who has her phone in her hand."""

    def __init__(self, **rules):
        self.program = make_merchant("cafe")
        set_rules(self.program, reward_points=500, invitee_points=50, **rules)
        self.alice = make_member(self.program, "alice", at=timezone.now())
        self.phone = signed_in(self.program.merchant, self.alice.customer.user_id)
        self.back_end = operator_of(self.program.merchant)
        self.till = Till(Store.objects.create(merchant=self.program.merchant, reference="counter", name="Counter"))

    def enrols(self):
        """The friend gets a card at the till."""
        answer = self.till.post("cards", FRIEND)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def completes(self, code, card, **more):
        return self.back_end.post("referrals/complete", {"code": code, "inviteeUserId": card["userId"], **more})

    def points(self, card):
        return balance(Member.objects.get(pk=card["id"]))


def bonuses():
    return LedgerEntry.objects.filter(type="referral_bonus").count()


def posts_what_is_due():
    """The outbox is relayed and the mails are sent, as the worker does all day."""
    relay()
    dispatch.dispatch()


def at_once(count, call):
    """What these calls from threads that start together returned."""
    gate, results = threading.Barrier(count), []

    def run():
        try:
            gate.wait(20)
            results.append(call())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_an_invitation_by_mail_brings_a_friend_and_credits_both_once(own_database, mail):
    cafe = Cafe()
    made = cafe.phone.post("referrals", {"inviteeEmail": FRIEND["email"]}, key="tap").json()
    posts_what_is_due()

    [letter] = mail.to(FRIEND["email"])
    link = re.search(r"https://loyalty\.example/join/cafe\?ref=(\w+)", body(letter))
    assert link is not None, body(letter)
    assert link[1] == made["code"]
    assert made["code"] in body(letter, "html")

    card = cafe.enrols()
    results = at_once(6, lambda: cafe.completes(link[1].lower(), card, orderReference="W-1", orderAmount="24.50"))

    assert [each.status_code for each in results] == [200] * 6
    assert {each.content for each in results} == {results[0].content}
    assert sum("Idempotent-Replayed" in each for each in results) == 5
    assert (bonuses(), balance(cafe.alice), cafe.points(card)) == (2, 500, 50)
    # A retry of the tap, and another tap for the same friend, give nothing more.
    assert cafe.phone.post("referrals", {"inviteeEmail": FRIEND["email"]}, key="tap").json() == made
    posts_what_is_due()
    assert sum("ref=" in body(each) for each in mail.to(FRIEND["email"])) == 1
    assert cafe.phone.get("referrals/conversions").json()["convertedPoints"] == 500
    assert list(reconciliation.differences()) == []


def test_a_members_own_code_brings_a_friend_and_credits_both_once(own_database):
    cafe = Cafe()
    code = cafe.back_end.get(f"members/{cafe.alice.customer.user_id}").json()["referralCode"]
    card = cafe.enrols()

    results = at_once(6, lambda: cafe.completes(f" {code.lower()} ", card))

    assert [each.status_code for each in results] == [200] * 6
    assert len({each.json()["id"] for each in results}) == 1
    assert (bonuses(), balance(cafe.alice), cafe.points(card)) == (2, 500, 50)
    assert Invite.objects.get().is_standing


@pytest.mark.parametrize("by", ["refund", "void"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_first_order_counts_when_it_stays_and_a_return_in_time_takes_both_credits(own_database, by, when):
    cafe = Cafe(converts_on="first_order", minimum_order=10, pending_days=14)
    code = cafe.phone.post("referrals").json()["code"]
    card = cafe.enrols()
    # As the page of `/join/cafe?ref=…` does.
    conversions.attach(code=code, member=Member.objects.get(pk=card["id"]), at=timezone.now())
    address = f"cards/{card['cardNumber']}"
    bought = cafe.till.post(f"{address}/points", {"amount": "25.00", "orderReference": "W-1"}).json()
    relay()
    jobs.settle_rewards()
    assert (Invite.objects.get().reward_state, bonuses()) == ("pending", 0)

    if when == "after":
        Invite.objects.update(payable_at=timezone.now() - timedelta(hours=1))
        jobs.settle_rewards()
        jobs.settle_rewards()
        assert (Invite.objects.get().reward_state, bonuses(), balance(cafe.alice)) == ("paid", 2, 500)
    if by == "refund":
        given = {"amount": "25.00", "refundReference": "F-1", "orderReference": "W-1"}
        answer = cafe.till.post(f"{address}/refunds", given)
    else:
        answer = cafe.till.post(f"transactions/{bought['id']}/void", {"reason": "Typed twice"})
    assert answer.status_code == 201, answer.content
    for _ in range(2):
        relay()
        jobs.settle_rewards()

    done = Invite.objects.get()
    assert (done.status, done.reason) == ("cancelled", "order_returned")
    assert done.reward_state == ("reversed" if when == "after" else "dropped")
    assert (balance(cafe.alice), cafe.points(card)) == (0, 0)
    assert bonuses() == (2 if when == "after" else 0)
    assert list(reconciliation.differences()) == []


def test_a_return_counts_although_the_back_end_completed_before_the_till_booked_the_order(own_database):
    cafe = Cafe()
    other = make_member(cafe.program, "other", at=timezone.now())
    code = cafe.phone.post("referrals").json()["code"]
    card = cafe.enrols()
    assert cafe.completes(code, card, orderReference="W-1", orderAmount="25.00").status_code == 200
    for number, reference in ((card["cardNumber"], "W-1"), (card["cardNumber"], "W-2"), (other.card_number, "W-3")):
        given = {"amount": "25.00", "orderReference": reference}
        assert cafe.till.post(f"cards/{number}/points", given).status_code == 201

    for number, reference, left in (
        (other.card_number, "W-3", 500),
        (card["cardNumber"], "W-2", 500),
        (card["cardNumber"], "W-1", 0),
    ):
        given = {"amount": "25.00", "refundReference": f"F-{reference}", "orderReference": reference}
        assert cafe.till.post(f"cards/{number}/refunds", given).status_code == 201
        relay()
        jobs.settle_rewards()
        assert balance(cafe.alice) == left

    assert Invite.objects.get().reward_state == "reversed"
    assert list(reconciliation.differences()) == []
