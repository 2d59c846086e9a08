"""What enrolments, first orders and returns make of an invite, and when the points move."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty.models import LedgerEntry, Member
from loyalty.operations import cards, enrollment, points, refunds
from loyalty_site.outbox import relay
from referrals.models import Invite, ReferralReview
from referrals.operations import conversions, invites, settling
from tests.cast import NOON, make_member
from tests.databases import OwnDatabase
from tests.referrals.conftest import balance, joins, set_rules

DAY = timedelta(days=1)


@pytest.fixture
def world(own_database: OwnDatabase, request):
    """A database of its own, where the relay delivers: the café with a first-order rule, Alice's invite, and Bob."""
    from loyalty_site.tenants.models import Store
    from tests.cast import make_merchant

    class World:
        program = make_merchant("cafe")
        store = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
        alice = make_member(program, "alice")

    set_rules(World.program, converts_on="first_order", minimum_order=Decimal(10), pending_days=14)
    World.invite = invites.create(member=World.alice, at=NOON)
    World.bob = joins(World.program, "bob")
    conversions.attach(code=World.invite.code, member=World.bob, at=NOON + DAY)
    relay()
    return World


def buys(world, amount, *, days, order="W-1"):
    member = Member.objects.select_related("program", "tier", "customer").get(pk=world.bob.pk)
    entry = points.earn(
        member=member, store=world.store, amount=Decimal(amount), order_reference=order, at=NOON + days * DAY
    )
    relay()
    return entry


def returns(world, amount, *, days, order="W-1", reference="F-1"):
    member = Member.objects.select_related("program", "tier", "customer").get(pk=world.bob.pk)
    refunds.refund(
        member=member, store=world.store, amount=Decimal(amount), refund_reference=reference, order_reference=order,
        at=NOON + days * DAY,
    )  # fmt: skip
    relay()


def state(world):
    invite = Invite.objects.get(pk=world.invite.pk)
    return invite.status, invite.reward_state


def settle(days):
    return settling.settle(at=NOON + days * DAY)


# --- First orders -------------------------------------------------------------------------------------------------
def test_the_first_order_converts_and_the_reward_waits_for_a_return(world):
    buys(world, "25.00", days=3)

    assert state(world) == ("converted", "pending")
    assert settle(16.9)["paid"] == 0
    assert balance(world.alice) == 0
    assert settle(17)["paid"] == 1
    assert settle(17)["paid"] == 0
    assert state(world) == ("converted", "paid")
    assert balance(world.alice) == 500


def test_an_order_that_is_too_small_does_not_count_and_the_next_one_does(world):
    buys(world, "9.99", days=2)
    assert state(world) == ("sent", "none")

    buys(world, "10.00", days=3, order="W-2")

    assert state(world) == ("converted", "pending")
    assert Invite.objects.get(pk=world.invite.pk).order_reference == "W-2"


def test_an_order_after_the_invite_has_expired_does_not_count(world):
    buys(world, "25.00", days=31)

    assert state(world) == ("sent", "none")


def test_a_return_inside_the_pending_time_cancels_the_reward(world):
    buys(world, "25.00", days=3)

    returns(world, "20.00", days=10)

    assert state(world) == ("cancelled", "dropped")
    settle(60)
    assert balance(world.alice) == 0


def test_a_return_that_leaves_enough_changes_nothing(world):
    buys(world, "25.00", days=3)

    returns(world, "15.00", days=10)

    assert state(world) == ("converted", "pending")
    returns(world, "0.01", days=11, reference="F-2")
    assert state(world) == ("cancelled", "dropped")


def test_a_void_is_a_return(world):
    entry = buys(world, "25.00", days=3)

    refunds.void(store=world.store, entry_id=entry.pk, reason="Wrong card", at=NOON + 3.5 * DAY)
    relay()

    assert state(world) == ("cancelled", "dropped")


def test_a_return_after_the_pending_time_changes_nothing(world):
    buys(world, "25.00", days=3)
    settle(17)

    returns(world, "25.00", days=17.5)

    assert state(world) == ("converted", "paid")
    assert settle(18)["reversed"] == 0


def test_a_return_after_an_operator_has_completed_it_takes_both_credits_back(world):
    Invite.objects.update(invitee_points=50)
    buys(world, "5.00", days=2, order="W-0")
    conversions.complete(
        merchant=world.program.merchant, code=world.invite.code, invitee=world.bob, at=NOON + 2 * DAY,
        order_reference="W-0", order_amount=Decimal(15),
    )  # fmt: skip
    assert (balance(world.alice), balance(world.bob)) == (500, 100)

    returns(world, "5.00", days=5, order="W-0")
    counts = settle(5)

    assert (counts["reversed"], counts["shortfall"]) == (1, 0)
    assert (balance(world.alice), balance(world.bob)) == (0, 0)
    assert state(world) == ("cancelled", "reversed")
    assert Member.objects.get(pk=world.alice.pk).lifetime_points == 0
    [undo] = LedgerEntry.objects.filter(member=world.alice, type="undo")
    assert undo.answers_id == LedgerEntry.objects.get(member=world.alice, type="referral_bonus").pk
    assert settle(6)["reversed"] == 0


def test_what_was_spent_meanwhile_is_a_shortfall_and_not_owed(world):
    buys(world, "25.00", days=2)
    conversions.complete(merchant=world.program.merchant, code=world.invite.code, invitee=world.bob, at=NOON + 2 * DAY)
    settle(16)
    alice = Member.objects.select_related("program").get(pk=world.alice.pk)
    points.adjust(member=alice, points=-480, reason="A prize", actor=None, key=None, at=NOON + 16 * DAY)
    Invite.objects.update(order_entry_id=LedgerEntry.objects.get(key="earn:W-1").pk, completed_at=NOON + 16 * DAY)

    returns(world, "25.00", days=16)
    counts = settle(17)

    assert counts["shortfall"] == 480
    assert balance(world.alice) == 0
    undo = LedgerEntry.objects.get(member=world.alice, type="undo")
    assert (undo.points_delta, undo.requested, undo.shortfall) == (-20, 500, 480)


def test_a_card_that_is_switched_off_meanwhile_gets_nothing(world):
    buys(world, "25.00", days=3)
    cards.deactivate(member=Member.objects.select_related("program").get(pk=world.alice.pk), at=NOON + 4 * DAY)

    assert settle(17)["dropped"] == 1
    assert state(world) == ("cancelled", "dropped")


def test_an_expired_invite_lets_the_invitee_come_with_another(world):
    invites.expire(at=NOON + 30 * DAY)
    late = joins(world.program, "late", days=30)
    zoe = make_member(world.program, "zoe")

    again = conversions.attach(code=zoe.referral_code, member=late, at=NOON + 30 * DAY)

    assert again.status == "sent"
    assert conversions.attach(code=zoe.referral_code, member=late, at=NOON + 31 * DAY).pk == again.pk


def test_events_that_come_twice_and_late_change_nothing_more(world):
    entry = buys(world, "25.00", days=3)
    from referrals.operations import qualifying

    assert qualifying.ordered([entry.pk]) == 0
    returns(world, "25.00", days=4)
    assert qualifying.ordered([entry.pk]) == 0
    assert state(world) == ("cancelled", "dropped")


# --- Enrolment ----------------------------------------------------------------------------------------------------
def test_on_enrolment_the_page_that_attaches_converts_at_once(world):
    set_rules(world.program, converts_on="enrollment")
    carl = joins(world.program, "carl")

    done = conversions.attach(code=world.alice.referral_code, member=carl, at=NOON + DAY)
    again = conversions.attach(code=world.alice.referral_code, member=carl, at=NOON + DAY)

    assert (done.status, again.pk) == ("converted", done.pk)
    assert balance(world.alice) == 500


def test_somebody_who_enrols_later_converts_then(world):
    set_rules(world.program, converts_on="enrollment")
    from loyalty_site.tenants.models import Customer

    customer = Customer.objects.create(merchant=world.program.merchant, external_ref="carl")
    bare = enrollment.member_for(program=world.program, customer=customer, at=NOON)
    waiting = conversions.attach(code=world.alice.referral_code, member=bare, at=NOON + DAY)
    assert waiting.status == "sent"

    enrollment.enroll(program=world.program, person=enrollment.Person(external_ref="carl"), at=NOON + 2 * DAY)
    relay()

    assert settle(2)["paid"] == 1
    assert balance(world.alice) == 500


def test_a_held_reward_of_a_returned_order_closes_its_review(world):
    set_rules(world.program, review_line=1, conversions_a_day=1)
    Invite.objects.create(
        merchant=world.program.merchant, referrer=world.alice, invitee=joins(world.program, "x"), is_standing=True,
        code=world.alice.referral_code, status="converted", reward_state="paid", reward_points=1,
        completed_at=NOON + 2.5 * DAY, expires_at=NOON + 30 * DAY,
    )  # fmt: skip
    buys(world, "25.00", days=3)
    assert settle(17)["held"] == 1

    returns(world, "25.00", days=16)

    assert state(world) == ("cancelled", "dropped")
    assert ReferralReview.objects.get().status == "rejected"
