"""Somebody is forgotten at each step from invite to reward: the books are right, and no word of them is left."""

import json
from datetime import timedelta

import pytest

from loyalty.ledger import CardInactive
from loyalty.models import LedgerEntry, Member
from loyalty.operations import anonymization
from loyalty.queries import reconciliation
from referrals.models import DeviceTrace, Invite, ReferralReview
from referrals.operations import conversions, devices, invites, qualifying, reviews, settling
from referrals.operations.devices import Footprint
from referrals.operations.refusals import InviteCancelled, UnknownCode
from tests.cast import NOON, refused
from tests.referrals.conftest import balance, joins

DAY = timedelta(days=1)
BOTH = pytest.mark.parametrize("whom", ["alice", "bob"])
PHONE = Footprint(device="cookie", address="192.0.2.7", user_agent="Browser 1")


@pytest.fixture
def forget(alice, bob):
    def gone(whom, *, days):
        member = {"alice": alice, "bob": bob}[whom]
        anonymization.anonymize(member=Member.objects.get(pk=member.pk), at=NOON + days * DAY)

    return gone


def state(invite):
    return Invite.objects.values_list("status", "reward_state").get(pk=invite.pk)


def nothing_is_left_of(*words):
    kept = json.dumps([
        list(model.objects.values()) for model in (Invite, ReferralReview, LedgerEntry)
    ], default=str)  # fmt: skip
    for word in words:
        assert word not in kept
    assert list(reconciliation.differences()) == []


def test_an_open_invite_ends_with_who_sent_it(alice, invite, bob, forget, complete):
    own = alice.referral_code
    forget("alice", days=1)

    assert state(invite) == ("cancelled", "none")
    with refused(InviteCancelled):
        complete(invite.code, bob)
    with refused(UnknownCode):
        complete(own, bob)
    nothing_is_left_of("robert@example.net", own)


@BOTH
def test_whoever_waits_for_a_first_order_gets_nothing_any_more(rules, alice, invite, bob, forget, whom, buy):
    rules(converts_on="first_order")
    conversions.attach(code=invite.code, member=bob, at=NOON + DAY, footprint=PHONE)
    order = buy("25.00", member=Member.objects.select_related("program", "tier").get(pk=bob.pk), days=2)
    forget(whom, days=2.5)
    qualifying.ordered([order.pk])

    settling.settle(at=NOON + 60 * DAY)

    assert state(invite) in (("cancelled", "none"), ("cancelled", "dropped"))
    assert balance(alice) == 0
    assert whom == "alice" or not DeviceTrace.objects.exists()
    nothing_is_left_of("robert@example.net")


@BOTH
def test_a_pending_reward_is_dropped_and_the_other_keeps_what_they_have(rules, alice, invite, bob, forget, whom, buy):
    rules(converts_on="first_order")
    conversions.attach(code=invite.code, member=bob, at=NOON + DAY)
    order = buy("25.00", member=Member.objects.select_related("program", "tier").get(pk=bob.pk), days=2)
    assert qualifying.ordered([order.pk]) == 1
    forget(whom, days=3)

    counts = settling.settle(at=NOON + 20 * DAY)

    assert (counts["paid"], counts["dropped"]) == (0, 1)
    assert state(invite) == ("cancelled", "dropped")
    assert (balance(alice), balance(bob)) == (0, 250)
    nothing_is_left_of("robert@example.net")


@pytest.fixture
def held(alice, invite, bob, complete):
    devices.note(member=alice, footprint=PHONE, at=NOON)
    complete(invite.code, bob, footprint=PHONE)
    return ReferralReview.objects.get()


@BOTH
@pytest.mark.parametrize("policy", ["pay", "hold", "reject"])
def test_a_held_reward_is_nobodys_and_its_review_is_closed_as_the_rules_say(
    rules, alice, bob, held, forget, whom, policy, invite
):
    rules(deadline_policy=policy)
    forget(whom, days=3)

    with refused(CardInactive):
        reviews.approve(review_id=held.pk, reason="Fine", actor=None, at=NOON + 4 * DAY)
    reviews.close_overdue(at=held.due_at)
    if policy == "hold":
        assert ReferralReview.objects.get().status == "open"
        reviews.reject(review_id=held.pk, reason="Gone", actor=None, at=held.due_at)

    assert ReferralReview.objects.get().status == "rejected"
    assert state(invite) == ("cancelled", "dropped")
    assert balance(alice) == 0
    assert not DeviceTrace.objects.filter(member={"alice": alice, "bob": bob}[whom]).exists()


@BOTH
def test_a_credited_reward_can_still_be_taken_back_from_both(rules, alice, invite, bob, complete, forget, whom):
    Invite.objects.update(invitee_points=50)
    complete(invite.code, bob)
    assert (balance(alice), balance(bob)) == (500, 50)
    forget(whom, days=3)

    reviews.reject_conversion(invite_id=invite.pk, reason="A trick", actor=None, at=NOON + 4 * DAY)

    assert (balance(alice), balance(bob)) == (0, 0)
    assert state(invite) == ("cancelled", "reversed")
    assert LedgerEntry.objects.filter(type="undo").count() == 2
    nothing_is_left_of("robert@example.net")


def test_who_was_forgotten_counts_in_no_quota_and_can_be_invited_anew(program, alice, invite, bob, complete, forget):
    complete(invite.code, bob)
    forget("bob", days=3)

    again = joins(program, "bob-again", email="robert@example.net", days=5)
    second = invites.create(member=alice, at=NOON + 4 * DAY, invitee_email="robert@example.net")

    done = conversions.attach(code=second.code, member=again, at=NOON + 5 * DAY)
    assert done.reward_state == "paid"
    assert balance(alice) == 1000
