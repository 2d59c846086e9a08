"""Somebody who was invited becomes a customer, and both sides are credited: once, and only where it is so."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty.ledger import CardInactive
from loyalty.models import LedgerEntry, Tier
from loyalty.operations import cards
from loyalty.operations.points import ProgramInactive
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Customer
from referrals.models import Invite
from referrals.operations import conversions, invites
from referrals.operations.refusals import (
    AlreadyReferred,
    InviteCancelled,
    InviteExpired,
    InviteTaken,
    MemberBefore,
    OrderTooSmall,
    OwnCode,
    SamePerson,
    UnknownCode,
)
from tests.cast import NOON, make_member, refused
from tests.referrals.conftest import balance, joins


# --- What it gives ------------------------------------------------------------------------------------------------
def test_an_invite_that_is_taken_up_credits_both_sides(rules, invite, alice, bob, complete):
    rules(reward_points=500, invitee_points=50)
    invite.invitee_points = 50
    invite.save()

    done = complete(invite.code, bob)

    assert (balance(alice), balance(bob)) == (500, 50)
    stored = Invite.objects.get(pk=invite.pk)
    assert (stored.status, stored.reward_state) == (done.status, done.reward_state) == ("converted", "paid")
    assert (stored.invitee_id, stored.completed_at) == (bob.pk, NOON + timedelta(days=2))
    for member, side in ((alice, "referrer"), (bob, "invitee")):
        entry = member.entries.get(type="referral_bonus")
        assert entry.metadata == {"referral_code": invite.code, "invite_id": str(invite.pk), "side": side}


def test_it_is_told_once_and_without_the_address(invite, bob, complete):
    OutboxEvent.objects.all().delete()

    complete(invite.code, bob)
    complete(invite.code, bob)

    [event] = OutboxEvent.objects.filter(kind="referrals.invite_converted")
    assert event.facts["member_id"] == str(invite.referrer_id)
    assert event.facts["invitee_member_id"] == str(bob.pk)
    assert "invitee_email" not in event.facts
    assert OutboxEvent.objects.filter(kind="loyalty.points_awarded").count() == 1


def test_twice_is_once(invite, alice, bob, complete):
    first = complete(invite.code, bob)

    again = complete(invite.code, bob, days=9)

    assert again.replayed
    assert (again.pk, again.completed_at) == (first.pk, first.completed_at)
    assert balance(alice) == 500


def test_a_code_is_read_as_people_type_it(invite, alice, bob, complete):
    complete(f" {invite.code[:4].lower()} {invite.code[4:]}", bob)

    assert balance(alice) == 500


def test_the_reward_can_raise_the_tier(program, invite, alice, bob, complete):
    gold = Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=400)

    complete(invite.code, bob)

    alice.refresh_from_db()
    assert alice.tier == gold
    assert alice.lifetime_points == 500


def test_where_tiers_roll_the_reward_counts_to_the_year(program, invite, alice, bob, complete):
    program.tier_basis = "rolling"
    program.save()
    gold = Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=500)

    complete(invite.code, bob)

    alice.refresh_from_db()
    assert alice.tier == gold


def test_nothing_is_posted_where_nothing_is_given(rules, alice, program, complete):
    rules(reward_points=0)
    carl = joins(program, "carl")

    done = complete(alice.referral_code, carl)

    assert done.status == "converted"
    assert not LedgerEntry.objects.filter(type="referral_bonus").exists()


def test_a_members_own_code_invites_as_well(alice, program, complete):
    carl, dora = joins(program, "carl"), joins(program, "dora")

    first, second = complete(alice.referral_code, carl), complete(alice.referral_code, dora)
    again = complete(alice.referral_code, carl)

    assert balance(alice) == 1000
    assert first.pk != second.pk
    assert again.pk == first.pk
    assert again.replayed
    assert first.is_standing
    assert first.code == alice.referral_code


# --- What it refuses ------------------------------------------------------------------------------------------
def test_a_code_that_nobody_has_is_unknown(bob, complete, program):
    for code in ("R2345678", "M2345678", "", "x", "R" * 64, "Ä🎉"):
        with refused(UnknownCode):
            complete(code, bob)


def test_another_merchants_code_is_unknown(bob, complete, bookworm):
    theirs = invites.create(member=bookworm, at=NOON)

    for code in (theirs.code, bookworm.referral_code):
        with refused(UnknownCode):
            complete(code, bob)


def test_an_invitee_of_another_merchant_is_nobody(invite, complete, bookworm):
    with refused(NotFound):
        complete(invite.code, bookworm)


def test_an_unknown_user_is_nobody(program, invite, bob):
    with refused(NotFound):
        conversions.complete(
            merchant=program.merchant, code=invite.code, invitee_user_id=invite.pk, at=NOON + timedelta(days=2)
        )


def test_a_cancelled_invite_does_not_count(alice, invite, bob, complete):
    invites.cancel(member=alice, invite_id=invite.pk, at=NOON)

    with refused(InviteCancelled):
        complete(invite.code, bob)


def test_an_expired_invite_does_not_count_whether_or_not_the_night_has_marked_it(invite, bob, complete):
    with refused(InviteExpired):
        complete(invite.code, bob, days=30)
    assert invites.expire(at=NOON + timedelta(days=30)) == 1
    with refused(InviteExpired):
        complete(invite.code, bob, days=30)


def test_an_invite_counts_to_its_last_moment(invite, bob, complete):
    assert complete(invite.code, bob, days=29.999).status == "converted"


def test_nobody_invites_themselves(alice, invite, complete):
    for code in (invite.code, alice.referral_code):
        with refused(OwnCode):
            complete(code, alice)


@pytest.mark.parametrize("email", ["Al.Ice+shop@GMAIL.com", "alice@googlemail.com", "ALICE@gmail.com"])
def test_one_persons_other_address_is_the_same_person(alice, invite, program, complete, email):
    Customer.objects.filter(pk=alice.customer_id).update(email="alice@gmail.com")
    Customer.objects.filter(merchant=program.merchant, email__iexact=email).exclude(pk=alice.customer_id).delete()
    if email.lower() == "alice@gmail.com":
        # The very same address cannot be two customers'.
        Customer.objects.filter(pk=alice.customer_id).update(email="al.ice@gmail.com")
    other = joins(program, "other", email=email)

    with refused(SamePerson):
        complete(invite.code, other)


def test_dots_and_tags_count_where_the_provider_reads_them(alice, invite, program, complete):
    Customer.objects.filter(pk=alice.customer_id).update(email="jo.weber@example.com")
    other = joins(program, "other", email="joweber@example.com")

    assert complete(invite.code, other).status == "converted"


def test_an_invitee_comes_once(program, alice, invite, bob, complete):
    complete(invite.code, bob)
    zoe = make_member(program, "zoe")
    other = invites.create(member=zoe, at=NOON)

    for code in (other.code, zoe.referral_code, alice.referral_code):
        with refused(AlreadyReferred):
            complete(code, bob)


def test_an_invite_is_for_one(program, invite, bob, complete):
    complete(invite.code, bob)

    with refused(InviteTaken):
        complete(invite.code, joins(program, "carl"))


def test_a_member_from_before_the_invite_was_not_invited(program, alice, complete):
    early = make_member(program, "early", at=NOON - timedelta(days=1))
    invite = invites.create(member=alice, at=NOON)

    with refused(MemberBefore):
        complete(invite.code, early)


def test_a_members_own_code_is_for_those_who_joined_lately(program, alice, complete):
    late = joins(program, "late", days=1)

    with refused(MemberBefore):
        complete(alice.referral_code, late, days=32)


def test_inactive_cards_neither_give_nor_get(program, alice, invite, bob, complete):
    cards.deactivate(member=alice, at=NOON)
    with refused(CardInactive):
        complete(invite.code, bob)
    cards.reactivate(member=alice, at=NOON)
    program.is_active = False
    program.save()
    with refused(ProgramInactive):
        complete(invite.code, bob)


def test_an_order_below_the_minimum_does_not_count(rules, invite, bob, complete):
    rules(converts_on="first_order", minimum_order=Decimal(20))

    with refused(OrderTooSmall):
        complete(invite.code, bob, order_reference="W-1", order_amount=Decimal("19.99"))
    assert complete(invite.code, bob, order_reference="W-1", order_amount=Decimal(20)).status == "converted"


def test_what_is_refused_leaves_nothing_behind(invite, alice, bob, complete):
    with refused(InviteExpired):
        complete(invite.code, bob, days=31)

    invite.refresh_from_db()
    assert (invite.status, invite.invitee_id) == ("sent", None)
    assert balance(alice) == 0


# --- The address stays where it belongs ---------------------------------------------------------------------------
def test_no_entry_and_no_log_line_has_the_invitees_address(invite, alice, bob, complete, capsys, caplog):
    invites.cancel(member=alice, invite_id=invite.pk, at=NOON)
    other = invites.create(member=alice, at=NOON + timedelta(hours=1), invitee_email="robert@example.net")

    complete(other.code, bob)

    said = capsys.readouterr()
    texts = str(list(LedgerEntry.objects.values())) + said.out + said.err + caplog.text
    assert "robert@example.net" not in texts
    assert "converted" in texts
