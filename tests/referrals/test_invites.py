"""Invites: how many, how often, how long."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from loyalty.ledger import CardInactive
from loyalty.models import Member
from loyalty.operations import cards
from loyalty.operations.orders import InvalidPoints
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.refusals import NotFound
from loyalty_site.texts import InvalidText
from referrals.models import Invite
from referrals.operations import guardrails, invites
from referrals.operations.refusals import InvalidInvite, InviteCooldown, InviteQuota, ReferralsPaused, SamePerson
from tests.cast import NOON, make_member, refused

HOUR = timedelta(hours=1)


def invite_at(member, hours, **more):
    return invites.create(member=member, at=NOON + hours * HOUR, **more)


def test_an_invite_has_what_the_program_says(rules, alice):
    rules(reward_points=300, invitee_points=40, open_days=7)

    made = invite_at(alice, 0, metadata={"campaign": "spring"})

    stored = Invite.objects.get(pk=made.pk)
    assert (stored.reward_points, stored.invitee_points) == (300, 40)
    assert stored.expires_at == NOON + timedelta(days=7)
    assert stored.metadata == {"campaign": "spring"}
    assert stored.code[0] == "R"
    assert len(stored.code) == 8


def test_with_an_address_it_is_sent_and_told(alice, settings):
    settings.PUBLIC_URL = "https://loyalty.example"

    made = invite_at(alice, 0, invitee_email=" Robert@Example.net ")

    assert (made.status, made.invitee_email) == ("sent", "Robert@Example.net")
    [event] = OutboxEvent.objects.filter(kind="referrals.invite_created")
    assert event.facts == {
        "merchant_id": str(alice.merchant_id),
        "occurred_at": event.facts["occurred_at"],
        "member_id": str(alice.pk),
        "invite_id": str(made.pk),
        "code": made.code,
        "share_url": f"https://loyalty.example/join/cafe?ref={made.code}",
        "invitee_email": "Robert@Example.net",
        "reward_points": 500,
        "invitee_points": 0,
        "expires_at": made.expires_at.isoformat(),
        "store_id": None,
    }


def test_without_an_address_it_is_a_draft(alice):
    assert invite_at(alice, 0).status == "draft"


def test_the_sixth_open_invite_is_refused_until_the_first_expires(alice):
    for hour in range(5):
        invite_at(alice, hour)

    with refused(InviteQuota) as caught:
        invite_at(alice, 6)

    assert caught.value.facts["retry_after"] == (30 * 24 - 6) * 3600
    invite_at(alice, 30 * 24)


def test_a_cancelled_invite_leaves_room(alice):
    made = [invite_at(alice, hour) for hour in range(5)]
    invites.cancel(member=alice, invite_id=made[0].pk, at=NOON + 5 * HOUR)

    assert invite_at(alice, 6).status == "draft"


def test_the_next_invite_waits_five_minutes(alice):
    first = invite_at(alice, 0)
    invites.cancel(member=alice, invite_id=first.pk, at=NOON)

    with refused(InviteCooldown) as caught:
        invites.create(member=alice, at=NOON + timedelta(seconds=100.5))

    assert caught.value.facts["retry_after"] == 200
    invites.create(member=alice, at=NOON + timedelta(seconds=300))


def test_limits_are_each_members_own(program, alice):
    invite_at(alice, 0)

    assert invite_at(make_member(program, "zoe"), 0).pk


def test_an_invite_can_give_its_own_points(alice):
    assert invite_at(alice, 0, reward_points=75).reward_points == 75
    for points in (0, -1, 10**12 + 1, True):
        with refused(InvalidPoints):
            invite_at(alice, 1, reward_points=points)


@pytest.mark.parametrize("email", ["no address", "a@", "@example.com", "x" * 300 + "@example.com", "a b@example.com"])
def test_what_is_no_address_is_refused(alice, email):
    with refused(InvalidInvite):
        invite_at(alice, 0, invitee_email=email)


def test_texts_that_cannot_be_kept_are_refused(alice):
    with refused(InvalidText):
        invite_at(alice, 0, metadata={"note": "nul\0"})


def test_nobody_is_written_to_at_their_own_address(alice):
    with refused(SamePerson):
        invite_at(alice, 0, invitee_email="ALICE@example.com")


def test_an_inactive_card_invites_nobody(alice):
    cards.deactivate(member=alice, at=NOON)

    with refused(CardInactive):
        invite_at(Member.objects.get(pk=alice.pk), 0)


def test_another_members_invite_cannot_be_cancelled(program, alice, bookworm):
    made = invite_at(alice, 0)

    for other in (make_member(program, "zoe"), bookworm):
        with refused(NotFound):
            invites.cancel(member=other, invite_id=made.pk, at=NOON)


def test_a_converted_invite_is_not_cancelled(alice, invite, bob, complete):
    complete(invite.code, bob)

    assert invites.cancel(member=alice, invite_id=invite.pk, at=NOON).status == "converted"


def test_a_code_that_is_taken_is_drawn_again(invite):
    drawn = iter([invite.code, invite.code, "R9999999"])
    other = Invite(merchant=invite.merchant, referrer=invite.referrer, reward_points=1, expires_at=NOON)

    invites.insert(other, draw=lambda: next(drawn))

    assert Invite.objects.get(pk=other.pk).code == "R9999999"


def test_postgresql_keeps_the_letters_of_members_and_invites_apart(alice, invite):
    with pytest.raises(IntegrityError, match="codes_of_invites"), transaction.atomic():
        Invite.objects.filter(pk=invite.pk).update(code=alice.referral_code)
    with pytest.raises(IntegrityError, match="codes_of_members"), transaction.atomic():
        Member.objects.filter(pk=alice.pk).update(referral_code=invite.code)


def test_the_night_marks_what_is_over_in_chunks_and_leaves_the_rest(program, alice, rules):
    rules(cooldown_seconds=0, open_invites=50)
    for number in range(7):
        invites.create(member=alice, at=NOON + timedelta(seconds=number))
    late = NOON + timedelta(days=30, seconds=4)

    assert invites.expire(at=late, chunk=2) == 5
    assert invites.expire(at=late, chunk=2) == 0
    assert Invite.objects.filter(status="expired").count() == 5


# --- Guardrails -----------------------------------------------------------------------------------------------
def override(program, scope, *, hours=0, until=None, member=None):
    return guardrails.override(
        merchant=program.merchant,
        scope=scope,
        justification="Launch week",
        at=NOON + hours * HOUR,
        target_member_id=member.pk if member else None,
        expires_at=NOON + until * HOUR if until is not None else None,
    )


def test_an_override_lifts_the_quota_of_one_member_until_it_ends(program, alice):
    zoe = make_member(program, "zoe")
    for hour in range(5):
        invite_at(alice, hour)
        invite_at(zoe, hour)
    override(program, "invite_quota", hours=5, until=8, member=alice)

    invite_at(alice, 6)
    with refused(InviteQuota):
        invite_at(zoe, 6)
    with refused(InviteQuota):
        invite_at(alice, 8)


def test_an_override_lifts_the_cooldown_of_all(program, alice):
    override(program, "invite_cooldown")
    invite_at(alice, 0)

    assert invite_at(alice, 0).pk
    override(program, "invite_cooldown", until=1)
    invite_at(alice, 0.5)
    invite_at(alice, 1)
    with refused(InviteCooldown):
        invite_at(alice, 1)


def test_a_throttle_stops_every_invite_of_the_merchant_and_no_others(program, alice, bookworm):
    override(program, "global_throttle", until=2)

    with refused(ReferralsPaused) as caught:
        invite_at(alice, 1)

    assert caught.value.facts["retry_after"] == 3600
    assert caught.value.status == 429
    assert invite_at(bookworm, 1).pk
    assert invite_at(alice, 2).pk
