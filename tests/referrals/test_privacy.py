"""An invited person is forgotten wherever their inviter's calls have left a word of them."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from loyalty.operations import anonymization
from loyalty_site.http.models import IdempotentAnswer
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Customer
from referrals.models import Invite
from referrals.operations import conversions, invites
from tests.callers import signed_in
from tests.cast import NOON, make_member, make_merchant
from tests.locks import wait_until_waited_for
from tests.referrals.conftest import set_rules
from tests.tills import problem

ADDRESS = "Friend@Example.net"


@pytest.fixture
def friend(program, ana):
    """Enrolled with the address to which Ana's invites go."""
    member = make_member(program, "friend", at=timezone.now() + timedelta(seconds=1))
    Customer.objects.filter(pk=member.customer_id).update(email=ADDRESS.lower())
    member.refresh_from_db()
    return member


def forgets(member):
    anonymization.anonymize(member=member, at=timezone.now())


def kept_texts():
    return " ".join(body for body in IdempotentAnswer.objects.values_list("body", flat=True) if body)


def test_no_answer_names_an_invitee_who_was_forgotten(me, operator, program, ana, friend):
    set_rules(program, cooldown_seconds=0)
    body = {"inviteeEmail": ADDRESS}
    first = me.post("referrals", body, key="a").json()
    operator.post(f"members/{ana.customer.user_id}/referrals", body, key="b")
    me.post(f"referrals/{first['id']}/cancel", {}, key="c")
    others = me.post("referrals", {"inviteeEmail": "somebody@example.net"}, key="d")
    assert kept_texts().count(ADDRESS) == 3

    forgets(friend)

    assert "friend@" not in kept_texts().lower()
    problem(me.post("referrals", body, key="a"), 410, "forgotten")
    assert me.post("referrals", {"inviteeEmail": "somebody@example.net"}, key="d").content == others.content
    assert Invite.objects.count() == 3


def test_an_invitee_who_joined_under_another_address_is_forgotten_under_both(me, operator, program, ana):
    code = me.post("referrals", {"inviteeEmail": "other@example.net"}, key="a").json()["code"]
    bob = make_member(program, "bob", at=timezone.now())
    body = {"code": code, "inviteeUserId": str(bob.customer.user_id)}
    assert operator.post("referrals/complete", body, key="b").json()["inviteeEmail"] == "other@example.net"

    forgets(bob)

    assert "other@" not in kept_texts()
    assert not Invite.objects.exclude(invitee_email="").exists()
    assert "other@" not in str(list(OutboxEvent.objects.values_list("facts", flat=True)))
    problem(operator.post("referrals/complete", body, key="b"), 410, "forgotten")


def test_another_merchants_answers_about_the_same_address_stay(me, friend, bookworm):
    theirs = signed_in(bookworm.merchant, bookworm.customer.user_id)
    kept = theirs.post("referrals", {"inviteeEmail": ADDRESS}, key="a")

    forgets(friend)

    assert theirs.post("referrals", {"inviteeEmail": ADDRESS}, key="a").content == kept.content


def test_the_answer_about_an_exception_for_a_member_goes_with_the_member(operator, ana):
    body = {"scope": "invite_quota", "justification": "Ana from the choir", "targetMemberId": str(ana.pk)}
    for_all = {"scope": "invite_quota", "justification": "Launch week"}
    operator.post("guardrails/overrides", body, key="a")
    kept = operator.post("guardrails/overrides", for_all, key="b")

    forgets(ana)

    assert "choir" not in kept_texts()
    problem(operator.post("guardrails/overrides", body, key="a"), 410, "forgotten")
    assert operator.post("guardrails/overrides", for_all, key="b").content == kept.content


@pytest.mark.parametrize("whom", ["inviter", "invitee"])
def test_who_is_forgotten_while_their_invite_converts_waits_for_it(own_database, whom):
    program = make_merchant("cafe")
    alice = make_member(program, "alice")
    invite = invites.create(member=alice, at=NOON, invitee_email="bob@example.com")
    bob = make_member(program, "bob", at=NOON + timedelta(days=1))
    failed = []

    def forget():
        try:
            forgets(alice if whom == "inviter" else bob)
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=forget)
    with transaction.atomic():
        # As far as a conversion has come when it has found its invite.
        Invite.objects.select_for_update(no_key=True).get(pk=invite.pk)
        thread.start()
        wait_until_waited_for(connection)
        conversions.complete(merchant=program.merchant, code=invite.code, invitee=bob, at=NOON + timedelta(days=2))
    thread.join(60)

    assert failed == []
    invite.refresh_from_db()
    assert (invite.status, invite.reward_state, invite.invitee_email) == ("converted", "paid", "")
