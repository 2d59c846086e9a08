"""News that comes late or out of order, and what happens at the very instant at which a time ends."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty.models import LedgerEntry, Member
from loyalty.operations import enrollment, points, refunds
from loyalty_site.tenants.models import Customer
from referrals.models import DeviceTrace, Invite
from referrals.operations import conversions, devices, guardrails, invites, qualifying, settling
from referrals.operations.devices import Footprint
from referrals.operations.refusals import InviteCooldown, InviteExpired, InviteQuota, ReferralsPaused, UnknownCode
from tests.cast import NOON, make_member, refused
from tests.referrals.conftest import balance, joins

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
END = NOON + 30 * DAY


@pytest.fixture
def first_order(rules):
    rules(converts_on="first_order", minimum_order=Decimal(10), pending_days=14)


@pytest.fixture
def came(first_order, alice, bob, invite):
    """Bob came with Alice's invite and has not ordered yet."""
    return conversions.attach(code=invite.code, member=bob, at=NOON + DAY)


@pytest.fixture
def orders(counter):
    def order(member, amount="25.00", *, at, reference="W-1"):
        fresh = Member.objects.select_related("program", "tier", "customer").get(pk=member.pk)
        return points.earn(member=fresh, store=counter, amount=Decimal(amount), order_reference=reference, at=at)

    return order


def fields(invite, *names):
    row = Invite.objects.get(pk=invite.pk)
    return tuple(getattr(row, name) for name in names)


def returns(order, *, amount, at, reference="F-1"):
    refunds.refund(
        member=Member.objects.select_related("program", "tier", "customer").get(pk=order.member_id),
        store=order.store, amount=Decimal(amount), refund_reference=reference, order_reference=order.order_reference,
        at=at,
    )  # fmt: skip
    return list(LedgerEntry.objects.filter(answers_id=order.pk).values_list("pk", flat=True))


# --- The end of an invite -----------------------------------------------------------------------------------------
def test_an_invite_is_over_at_the_instant_it_expires(alice, invite, bob, complete):
    late = Invite.objects.get(pk=invite.pk)
    assert (late.is_open(END - INSTANT), late.is_open(END)) == (True, False)
    with refused(InviteExpired):
        complete(invite.code, bob, days=30)
    assert invites.expire(at=END - INSTANT) == 0
    assert invites.expire(at=END) == 1


@pytest.mark.parametrize(("before", "counts"), [(INSTANT, 1), (timedelta(0), 0)])
def test_an_order_counts_until_the_instant_the_invite_expires(came, bob, orders, before, counts):
    order = orders(bob, at=END - before)

    assert qualifying.ordered([order.pk]) == counts


@pytest.mark.parametrize(("before", "counts"), [(INSTANT, 1), (timedelta(0), 0)])
def test_an_enrolment_counts_until_the_instant_the_invite_expires(program, alice, invite, before, counts):
    customer = Customer.objects.create(merchant=program.merchant, external_ref="carl")
    bare = enrollment.member_for(program=program, customer=customer, at=NOON)
    conversions.attach(code=invite.code, member=bare, at=NOON + DAY)
    enrollment.enroll(program=program, person=enrollment.Person(external_ref="carl"), at=END - before)

    assert qualifying.enrolled([bare.pk]) == counts


def test_an_order_of_its_time_counts_though_the_invite_was_expired_before_it_was_heard_of(came, bob, alice, orders):
    order = orders(bob, at=END - INSTANT)
    invites.expire(at=END)

    assert qualifying.ordered([order.pk]) == 1
    assert settling.settle(at=END + 14 * DAY)["paid"] == 1
    assert balance(alice) == 500
    assert qualifying.ordered([order.pk]) == 0


def test_an_enrolment_of_its_time_counts_though_the_invite_was_expired_before(program, alice, invite):
    customer = Customer.objects.create(merchant=program.merchant, external_ref="carl")
    bare = enrollment.member_for(program=program, customer=customer, at=NOON)
    conversions.attach(code=invite.code, member=bare, at=NOON + DAY)
    enrollment.enroll(program=program, person=enrollment.Person(external_ref="carl"), at=END - INSTANT)
    invites.expire(at=END)

    assert qualifying.enrolled([bare.pk]) == 1
    assert settling.settle(at=END)["paid"] == 1


def test_who_has_come_with_another_code_since_does_not_count_for_the_expired_one(came, program, bob, orders):
    order = orders(bob, at=END - INSTANT)
    invites.expire(at=END)
    Member.objects.filter(pk=bob.pk).update(enrolled_at=END)
    zoe = make_member(program, "zoe")
    other = conversions.attach(code=zoe.referral_code, member=bob, at=END)

    assert qualifying.ordered([order.pk]) == 0
    assert fields(came, "status") == ("expired",)
    assert fields(other, "status") == ("sent",)


def test_what_the_member_cancelled_does_not_count_however_late_it_is_told(came, alice, bob, orders):
    order = orders(bob, at=NOON + 2 * DAY)
    invites.cancel(member=alice, invite_id=came.pk, at=NOON + 3 * DAY)

    assert qualifying.ordered([order.pk]) == 0


# --- Returns ------------------------------------------------------------------------------------------------------
def test_a_return_counts_until_the_instant_the_reward_is_due(came, bob, alice, orders):
    order = orders(bob, at=NOON + 2 * DAY)
    qualifying.ordered([order.pk])
    answers = returns(order, amount=25, at=NOON + 16 * DAY)

    assert qualifying.returned(answers) == 1
    assert settling.settle(at=NOON + 16 * DAY)["paid"] == 0
    assert balance(alice) == 0


def test_a_return_an_instant_later_takes_nothing(came, bob, alice, orders):
    order = orders(bob, at=NOON + 2 * DAY)
    qualifying.ordered([order.pk])
    answers = returns(order, amount=25, at=NOON + 16 * DAY + INSTANT)

    assert qualifying.returned(answers) == 0
    assert settling.settle(at=NOON + 17 * DAY)["paid"] == 1


def test_a_return_in_time_counts_though_another_came_after_and_both_are_told_together(came, bob, orders):
    order = orders(bob, at=NOON + 2 * DAY)
    qualifying.ordered([order.pk])
    returns(order, amount=20, at=NOON + 10 * DAY)
    both = returns(order, amount=1, at=NOON + 40 * DAY, reference="F-2")

    assert len(both) == 2
    assert qualifying.returned(both) == 1
    assert fields(came, "reward_state", "updated_at") == ("dropped", NOON + 10 * DAY)


def test_a_return_while_the_reward_waits_cancels_it_though_the_rules_are_shorter_by_now(came, rules, bob, orders):
    order = orders(bob, at=NOON + 2 * DAY)
    qualifying.ordered([order.pk])
    rules(converts_on="first_order", pending_days=0)
    answers = returns(order, amount=25, at=NOON + 10 * DAY)

    assert qualifying.returned(answers) == 1


def test_a_minimum_that_was_raised_cancels_no_order_that_nobody_returned(came, rules, bob, orders):
    order = orders(bob, at=NOON + 2 * DAY)
    qualifying.ordered([order.pk])
    rules(converts_on="first_order", minimum_order=Decimal(100))

    assert settling.settle(at=NOON + 16 * DAY)["paid"] == 1


# --- Rules that change --------------------------------------------------------------------------------------------
def test_who_waited_for_a_first_order_still_does_when_the_program_asks_for_an_enrolment(came, rules, bob, orders):
    rules(converts_on="enrollment")

    assert qualifying.ordered([orders(bob, at=NOON + 3 * DAY).pk]) == 1


def test_an_order_does_not_stand_for_an_enrolment(program, alice, invite, orders):
    customer = Customer.objects.create(merchant=program.merchant, external_ref="carl")
    bare = enrollment.member_for(program=program, customer=customer, at=NOON)
    conversions.attach(code=invite.code, member=bare, at=NOON + DAY)

    assert qualifying.ordered([orders(bare, at=NOON + 2 * DAY).pk]) == 0


# --- Signals ------------------------------------------------------------------------------------------------------
def test_a_busy_day_is_noticed_though_the_rewards_of_first_orders_are_due_weeks_later(
    first_order, rules, program, alice, orders
):
    rules(converts_on="first_order", conversions_a_day=2)
    for name in ("b", "c", "d", "e"):
        friend = joins(program, name)
        conversions.attach(code=alice.referral_code, member=friend, at=NOON + DAY)
        qualifying.ordered([orders(friend, at=NOON + 2 * DAY, reference=name).pk])
        Invite.objects.filter(invitee=friend).update(completed_at=NOON + 2 * DAY + "bcde".index(name) * INSTANT)

    counts = settling.settle(at=NOON + 17 * DAY)

    assert (counts["paid"], counts["held"]) == (2, 2)
    assert balance(alice) == 1000


# --- Devices ------------------------------------------------------------------------------------------------------
def test_a_trace_is_deleted_at_the_instant_it_is_90_days_old(alice):
    devices.note(member=alice, footprint=Footprint(device="cookie"), at=NOON)

    assert devices.forget_old(at=NOON + 90 * DAY - INSTANT) == 0
    assert devices.forget_old(at=NOON + 90 * DAY) == 1
    assert not DeviceTrace.objects.exists()


# --- Limits -------------------------------------------------------------------------------------------------------
def test_the_next_invite_is_possible_at_the_instant_the_wait_is_over(alice, invite):
    with refused(InviteCooldown):
        invites.create(member=alice, at=NOON + timedelta(seconds=300) - INSTANT)
    assert invites.create(member=alice, at=NOON + timedelta(seconds=300))


@pytest.mark.parametrize("for_one", [True, False])
def test_an_override_acts_until_the_instant_it_ends(program, alice, rules, for_one):
    rules(open_invites=1, cooldown_seconds=0)
    invites.create(member=alice, at=NOON)
    over = NOON + timedelta(hours=1)
    made = guardrails.override(
        merchant=program.merchant, scope="invite_quota", justification="Launch", at=NOON, expires_at=over,
        target_member_id=alice.pk if for_one else None,
    )  # fmt: skip

    assert invites.create(member=alice, at=over - INSTANT)
    with refused(InviteQuota):
        invites.create(member=alice, at=over)
    assert (made.is_active(over - INSTANT), made.is_active(over)) == (True, False)
    assert guardrails.note_expired(at=over - INSTANT) == 0
    assert guardrails.note_expired(at=over) == 1


def test_a_pause_stops_all_until_the_instant_it_ends(program, alice):
    over = NOON + timedelta(hours=1)
    guardrails.override(
        merchant=program.merchant, scope="global_throttle", justification="An attack", at=NOON, expires_at=over
    )

    with refused(ReferralsPaused) as refusal:
        invites.create(member=alice, at=over - INSTANT)
    assert refusal.value.facts["retry_after"] == 1
    assert invites.create(member=alice, at=over)


# --- Codes --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("code", ["", " ", "R", "R\x00AB", "\ud800", "R" * 10_000, "ß" * 8, "M' OR 1=1", "🎁", "-"])
def test_what_cannot_be_a_code_is_unknown(bob, complete, code):
    with refused(UnknownCode):
        complete(code, bob)
    with refused(UnknownCode):
        conversions.attach(code=code, member=bob, at=NOON + DAY)
