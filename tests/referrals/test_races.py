"""Several at the same moment, over connections of their own: what counts once, counts once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import LedgerEntry, Member
from loyalty.queries import reconciliation
from loyalty_site.refusals import Refusal
from referrals.models import GuardrailOverride, Invite, ReferralReview
from referrals.operations import conversions, guardrails, invites, qualifying, reviews, settling
from tests.callers import operator_of
from tests.cast import NOON, make_member, make_merchant
from tests.racing import at_once
from tests.referrals.conftest import balance, joins, set_rules

LATER = NOON + timedelta(days=2)


def fresh(member):
    return Member.objects.select_related("program", "customer").get(pk=member.pk)


@pytest.fixture
def cafe_program(own_database):
    return make_merchant("cafe")


def bonuses():
    return LedgerEntry.objects.filter(type="referral_bonus").count()


def test_twenty_invites_at_once_make_five(cafe_program):
    set_rules(cafe_program, cooldown_seconds=0)
    alice = make_member(cafe_program, "alice")

    results = at_once(*[lambda: invites.create(member=fresh(alice), at=NOON)] * 20)

    assert sum(isinstance(each, Invite) for each in results) == 5
    assert {each.code for each in results if isinstance(each, Refusal)} == {"invite_quota"}
    assert Invite.objects.count() == 5


def test_ten_invites_at_once_inside_the_cooldown_make_one(cafe_program):
    alice = make_member(cafe_program, "alice")

    results = at_once(*[lambda: invites.create(member=fresh(alice), at=NOON)] * 10)

    assert sum(isinstance(each, Invite) for each in results) == 1
    assert {each.code for each in results if isinstance(each, Refusal)} == {"invite_cooldown"}


def test_two_sign_ups_on_one_code_make_one_conversion(cafe_program):
    alice = make_member(cafe_program, "alice")
    invite = invites.create(member=alice, at=NOON)
    people = [joins(cafe_program, f"p{number}") for number in range(6)]

    def comes(member):
        return lambda: conversions.attach(code=invite.code, member=fresh(member), at=LATER)

    results = at_once(*[comes(member) for member in people])

    assert sum(isinstance(each, Invite) for each in results) == 1
    assert {each.code for each in results if isinstance(each, Refusal)} == {"invite_taken"}
    assert (bonuses(), balance(alice)) == (1, 500)


def test_one_person_with_two_codes_at_once_is_referred_once(cafe_program):
    inviters = [make_member(cafe_program, name) for name in ("alice", "zoe", "yves", "xena")]
    bob = joins(cafe_program, "bob")
    codes = [invites.create(member=each, at=NOON).code for each in inviters[:2]]
    codes += [each.referral_code for each in inviters[2:]]

    def comes(code):
        return lambda: conversions.attach(code=code, member=fresh(bob), at=LATER)

    results = at_once(*[comes(code) for code in codes])

    assert sum(isinstance(each, Invite) for each in results) == 1
    assert {each.code for each in results if isinstance(each, Refusal)} == {"already_referred"}
    assert bonuses() == 1


@pytest.mark.parametrize("by", ["invite", "own code"])
def test_till_and_operator_complete_at_once_and_credit_once(cafe_program, by):
    alice = make_member(cafe_program, "alice", at=timezone.now())
    code = invites.create(member=alice, at=timezone.now()).code if by == "invite" else alice.referral_code
    bob = joins(cafe_program, "bob", days=(timezone.now() - NOON).total_seconds() / 86400)
    callers = [operator_of(cafe_program.merchant, scope) for scope in ("operator", "checkout") * 3]
    body = {"code": code, "inviteeUserId": str(bob.customer.user_id)}

    def completes(caller):
        return lambda: caller.post("referrals/complete", body)

    def attaches():
        return conversions.attach(code=code, member=fresh(bob), at=timezone.now())

    results = at_once(attaches, *[completes(caller) for caller in callers])

    assert isinstance(results[0], Invite)
    assert [each.status_code for each in results[1:]] == [200] * 6
    assert len({each.content for each in results[1:]}) == 1
    assert (bonuses(), balance(alice)) == (1, 500)


def test_two_who_invite_each_other_do_not_block_each_other(cafe_program):
    set_rules(cafe_program, invitee_points=50)
    pairs = []
    for number in range(5):
        one, other = joins(cafe_program, f"a{number}", days=0), joins(cafe_program, f"b{number}", days=0)
        pairs += [(one, other), (other, one)]

    def comes(inviter, invitee):
        return lambda: conversions.attach(code=inviter.referral_code, member=fresh(invitee), at=LATER)

    results = at_once(*[comes(*pair) for pair in pairs])

    assert all(isinstance(each, Invite) for each in results), results
    assert bonuses() == 20
    assert list(reconciliation.differences()) == []


def test_workers_settle_each_reward_once(cafe_program):
    set_rules(cafe_program, converts_on="first_order")
    alice = make_member(cafe_program, "alice")
    for number in range(10):
        conversions.attach(code=alice.referral_code, member=joins(cafe_program, f"p{number}"), at=LATER)
    set_rules(cafe_program, converts_on="enrollment", conversions_a_day=100)
    assert qualifying.enrolled(list(Invite.objects.values_list("invitee_id", flat=True))) == 10

    results = at_once(*[lambda: settling.settle(at=LATER)] * 3)
    settling.settle(at=LATER)

    assert all(not isinstance(each, Exception) for each in results), results
    assert (bonuses(), balance(alice)) == (10, 5000)


def test_who_approves_and_who_rejects_at_once_leave_one_story(cafe_program):
    set_rules(cafe_program, review_line=1, conversions_a_day=1)
    alice = make_member(cafe_program, "alice")
    for name in ("bob", "carl"):
        conversions.attach(code=alice.referral_code, member=joins(cafe_program, name), at=LATER)
    review = ReferralReview.objects.get()
    asked = {"review_id": review.pk, "reason": "So it is", "actor": None, "at": LATER}

    at_once(*[lambda: reviews.approve(**asked), lambda: reviews.reject(**asked)] * 3)

    review.refresh_from_db()
    assert review.status == "rejected"
    assert review.invite.reward_state in ("dropped", "reversed")
    assert balance(alice) == 500
    assert list(reconciliation.differences()) == []


def test_overrides_made_at_once_follow_each_other(cafe_program):
    def override():
        return guardrails.override(
            merchant=cafe_program.merchant, scope="invite_quota", justification="Launch week", at=NOON
        )

    results = at_once(*[override] * 8)

    assert all(isinstance(each, GuardrailOverride) for each in results), results
    assert GuardrailOverride.objects.filter(revoked_at=None).count() == 1
    assert GuardrailOverride.objects.count() == 8


def test_an_invite_is_cancelled_or_taken_up_and_never_both(cafe_program):
    alice = make_member(cafe_program, "alice")
    set_rules(cafe_program, cooldown_seconds=0)
    made = [invites.create(member=alice, at=NOON) for _ in range(5)]
    people = [joins(cafe_program, f"p{number}") for number in range(5)]
    calls = []
    for invite, member in zip(made, people, strict=True):
        calls.append(lambda invite=invite: invites.cancel(member=fresh(alice), invite_id=invite.pk, at=LATER))
        calls.append(
            lambda invite=invite, member=member: conversions.attach(code=invite.code, member=fresh(member), at=LATER)
        )

    results = at_once(*calls)

    assert {each.code for each in results if isinstance(each, Refusal)} <= {"invite_cancelled"}
    converted = Invite.objects.filter(status="converted").count()
    assert Invite.objects.filter(status="cancelled", invitee=None).count() == 5 - converted
    assert bonuses() == converted
