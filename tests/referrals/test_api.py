"""The doors of referrals: members about themselves, and a back end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import Member
from loyalty_site.ids import new_id
from referrals.models import GuardrailOverride, Invite
from referrals.operations import guardrails, invites
from tests.callers import operator_of, signed_in
from tests.cast import make_member
from tests.referrals.conftest import balance, set_rules
from tests.tills import problem

FIELDS = {"id", "code", "status", "rewardPoints", "inviteeEmail", "createdAt", "expiresAt", "completedAt"}


@pytest.fixture
def code(me):
    """Of Ana's invite."""
    return me.post("referrals").json()["code"]


@pytest.fixture
def friend(program, ana, code):
    """Somebody who enrolled a moment ago, after they were invited."""
    return make_member(program, "friend", at=timezone.now())


def completes(operator, code, user_id, **more):
    return operator.post("referrals/complete", {"code": code, "inviteeUserId": str(user_id), **more})


def test_a_member_invites_lists_and_cancels(me, ana):
    made = me.post("referrals", {"inviteeEmail": "friend@example.net", "metadata": {"via": "app"}})

    assert made.status_code == 201
    assert set(made.json()) == FIELDS
    assert made.json()["status"] == "sent"
    assert made.json()["rewardPoints"] == 500
    assert me.get("referrals").json() == [made.json()]
    cancelled = me.post(f"referrals/{made.json()['id']}/cancel", {"reason": "Joined already"}).json()
    assert cancelled == made.json() | {"status": "cancelled"}
    assert me.post(f"referrals/{made.json()['id']}/cancel").json() == cancelled
    assert Invite.objects.get().metadata == {"via": "app"}


def test_inside_the_cooldown_and_over_the_quota_it_says_when_to_come_again(me, program):
    me.post("referrals")

    answer = me.post("referrals")

    problem(answer, 429, "invite_cooldown")
    assert 290 <= int(answer["Retry-After"]) <= 300
    set_rules(program, cooldown_seconds=0, open_invites=1)
    answer = me.post("referrals")
    problem(answer, 429, "invite_quota")
    assert int(answer["Retry-After"]) > 29 * 86400


def test_while_paused_nobody_invites(me, operator, ana):
    made = operator.post("guardrails/overrides", {"scope": "global_throttle", "justification": "An attack"})

    assert made.status_code == 201
    answer = me.post("referrals")
    problem(answer, 429, "referrals_paused")
    assert int(answer["Retry-After"]) >= 1
    problem(operator.post(f"members/{ana.customer.user_id}/referrals"), 429, "referrals_paused")


def test_the_same_key_invites_once(me):
    first, again = (me.post("referrals", {"inviteeEmail": "a@example.net"}, key="once") for _ in range(2))

    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    assert Invite.objects.count() == 1


def test_what_was_refused_is_judged_afresh(me, program):
    me.post("referrals")
    problem(me.post("referrals", key="k"), 429, "invite_cooldown")
    set_rules(program, cooldown_seconds=0)

    assert me.post("referrals", key="k").status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"inviteeEmail": 5},
        {"inviteeEmail": "x" * 255},
        {"inviteeEmail": "a\0@example.com"},
        {"metadata": []},
        {"metadata": {"x": "y" * 9000}},
        {"rewardPoints": 9000},
        {"unknown": 1},
    ],
)
def test_a_malformed_invite_is_refused(me, body):
    assert me.post("referrals", body).status_code == 400
    assert not Invite.objects.exists()


def test_a_member_cannot_say_what_it_is_worth_and_an_operator_can(operator, ana):
    address = f"members/{ana.customer.user_id}/referrals"

    made = operator.post(address, {"inviteeEmail": "friend@example.net", "rewardPoints": 250})

    assert (made.status_code, made.json()["rewardPoints"]) == (201, 250)
    for points in (0, -5, 1.5, "10", 10**13, True):
        assert operator.post(address, {"rewardPoints": points}).status_code == 400


def test_completing_credits_both_sides_once(operator, program, ana, code, friend):
    Invite.objects.update(invitee_points=50)
    done = completes(operator, code, friend.customer.user_id, orderReference="W-1", orderAmount="24.50")
    again = completes(operator, code, friend.customer.user_id)

    assert done.status_code == again.status_code == 200
    assert again.json() == done.json()
    assert (done.json()["status"], set(done.json())) == ("converted", FIELDS)
    assert again["Idempotent-Replayed"] == "true"
    assert (balance(ana), balance(friend)) == (500, 50)


def test_what_cannot_be_completed_says_why(operator, program, ana, code, friend):
    problem(completes(operator, "R2345678", friend.customer.user_id), 404, "unknown_code")
    problem(completes(operator, code, new_id()), 404, "not_found")
    problem(completes(operator, code, ana.customer.user_id), 409, "own_code")
    completes(operator, code, friend.customer.user_id)
    zoe = make_member(program, "zoe", at=ana.enrolled_at)
    problem(completes(operator, zoe.referral_code, friend.customer.user_id), 409, "already_referred")
    problem(completes(operator, code, zoe.customer.user_id), 409, "invite_taken")
    assert balance(ana) == 500


def test_an_unknown_user_is_not_made_by_completing(operator, ana):
    completes(operator, ana.referral_code, new_id())

    assert Member.objects.count() == 1


@pytest.mark.parametrize(
    "more", [{"orderAmount": "-1"}, {"orderAmount": "1e99"}, {"orderReference": "x" * 65}, {"code": 5}, {"code": ""}]
)
def test_a_malformed_completion_is_refused(operator, ana, friend, more):
    body = {"code": ana.referral_code, "inviteeUserId": str(friend.customer.user_id)} | more

    assert operator.post("referrals/complete", body).status_code == 400


def test_another_merchants_codes_and_people_are_nobody(operator, ana, friend, bookworm):
    theirs = invites.create(member=bookworm, at=timezone.now())

    unknown = completes(operator, "R2345678", friend.customer.user_id).json() | {"requestId": ""}
    for code in (theirs.code, bookworm.referral_code):
        assert completes(operator, code, friend.customer.user_id).json() | {"requestId": ""} == unknown
    problem(completes(operator, ana.referral_code, bookworm.customer.user_id), 404, "not_found")


def test_doors_are_for_whom_they_are_for(me, operator, ana):
    problem(me.post("referrals/complete", {"code": "R2345678", "inviteeUserId": str(new_id())}), 403, "wrong_scope")
    problem(me.get("guardrails"), 403, "wrong_scope")
    problem(me.post(f"members/{ana.customer.user_id}/referrals"), 403, "wrong_scope")
    problem(operator.get("referrals"), 403, "wrong_scope")
    problem(operator.post("referrals"), 403, "wrong_scope")


def test_another_members_invite_is_not_there(me, program, operator):
    zoe = make_member(program, "zoe", at=timezone.now())
    theirs = invites.create(member=zoe, at=timezone.now())

    problem(me.post(f"referrals/{theirs.pk}/cancel"), 404, "not_found")
    assert me.get("referrals").json() == []


# --- Conversions ----------------------------------------------------------------------------------------------
def test_the_page_of_conversions_counts_and_walks(me, operator, program, ana):
    now = timezone.now()
    set_rules(program, open_invites=99, cooldown_seconds=0)
    made = [invites.create(member=ana, at=now + timedelta(seconds=n // 2 - 9)) for n in range(7)]
    invites.cancel(member=ana, invite_id=made[0].pk, at=now)
    completes(operator, made[1].code, make_member(program, "p", at=timezone.now()).customer.user_id)
    completes(operator, ana.referral_code, make_member(program, "q", at=timezone.now()).customer.user_id)

    found, cursor = [], None
    while True:
        page = me.get("referrals/conversions", limit=3, **({"cursor": cursor} if cursor else {})).json()
        found += page["invites"]
        assert page["statusCounts"] == {"draft": 5, "sent": 0, "converted": 2, "expired": 0, "cancelled": 1}
        assert page["convertedPoints"] == 1000
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert len({each["id"] for each in found}) == len(found) == 8
    assert found == sorted(found, key=lambda each: (each["createdAt"], each["id"]), reverse=True)
    assert page["lastActivity"] == max(each["updatedAt"] for each in found)
    assert set(found[0]) == FIELDS - {"expiresAt"} | {"updatedAt"}
    some = me.get("referrals/conversions", statuses=["converted", "cancelled"]).json()
    assert [each["status"] for each in some["invites"]].count("converted") == 2
    assert len(some["invites"]) == 3


def test_without_invites_the_page_has_its_shape(me):
    assert me.get("referrals/conversions").json() == {
        "invites": [],
        "nextCursor": None,
        "statusCounts": {"draft": 0, "sent": 0, "converted": 0, "expired": 0, "cancelled": 0},
        "convertedPoints": 0,
        "lastActivity": None,
    }


def test_a_cursor_is_of_one_member_and_filter(me, ana, program, cafe, alice):
    set_rules(program, cooldown_seconds=0)
    for _ in range(3):
        invites.create(member=ana, at=timezone.now())
    cursor = me.get("referrals/conversions", limit=1).json()["nextCursor"]

    problem(me.get("referrals/conversions", cursor=cursor, statuses="draft"), 400, "invalid_cursor")
    other = signed_in(cafe, alice.customer.user_id)
    problem(other.get("referrals/conversions", cursor=cursor), 400, "invalid_cursor")
    assert me.get("referrals/conversions", statuses="open").status_code == 400


# --- Guardrails -----------------------------------------------------------------------------------------------
def test_the_guardrails_tell_where_things_stand(operator, me, ana):
    me.post("referrals")
    actor = str(new_id())
    made = operator.post(
        "guardrails/overrides",
        {
            "scope": "invite_cooldown", "justification": "Launch week", "targetMemberId": str(ana.pk),
            "actorUserId": actor, "expiresAt": "2199-01-01T00:00:00Z", "metadata": {"ticket_no": 7},
        },
    )  # fmt: skip

    found = operator.get("guardrails").json()

    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "scope": "invite_cooldown",
        "justification": "Launch week",
        "metadata": {"ticket_no": 7},
        "targetMemberId": str(ana.pk),
        "createdByUserId": actor,
        "createdAt": made.json()["createdAt"],
        "expiresAt": "2199-01-01T00:00:00Z",
        "revokedAt": None,
        "isActive": True,
    }
    assert 290 <= found.pop("cooldownRemainingSeconds") <= 300
    assert found.pop("cooldownUntil")
    assert found == {
        "inviteQuota": 5,
        "totalActiveInvites": 1,
        "membersAtQuota": 0,
        "cooldownSeconds": 300,
        "throttleOverrideActive": False,
        "overrides": [made.json()],
    }
    assert me.post("referrals").status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"scope": "everything"}, 400),
        ({"justification": "x"}, 400),
        ({"justification": "x" * 501}, 400),
        ({"targetMemberId": "x"}, 400),
        ({"targetMemberId": str(new_id())}, 404),
        ({"expiresAt": "2001-01-01T00:00:00Z"}, 422),
        ({"expiresAt": "2199-01-01T00:00:00"}, 400),
        ({"scope": "global_throttle", "targetMemberId": "ana"}, 422),
        ({"metadata": "x"}, 400),
    ],
)
def test_an_override_that_cannot_be_is_refused(operator, ana, body, status):
    asked = {"scope": "invite_quota", "justification": "Launch week"} | body
    if asked.get("targetMemberId") == "ana":
        asked["targetMemberId"] = str(ana.pk)

    assert operator.post("guardrails/overrides", asked).status_code == status
    assert not GuardrailOverride.objects.exists()


def test_another_merchants_guardrails_are_their_own(operator, bookworm, ana):
    guardrails.override(merchant=bookworm.merchant, scope="global_throttle", justification="Theirs", at=timezone.now())

    assert operator.get("guardrails").json()["overrides"] == []
    asked = {"scope": "invite_quota", "justification": "Launch week", "targetMemberId": str(bookworm.pk)}
    problem(operator.post("guardrails/overrides", asked), 404, "not_found")
    assert operator_of(bookworm.merchant).get("guardrails").json()["throttleOverrideActive"] is True
