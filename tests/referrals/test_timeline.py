"""Invites and overrides stand in the member's timeline, each once, in their place."""

from datetime import timedelta

import pytest
from django.utils import timezone

from referrals.operations import guardrails, invites
from tests.cast import make_member
from tests.referrals.conftest import set_rules

HOUR = timedelta(hours=1)


@pytest.fixture
def week(program, ana, bookworm):
    """Five invites and three overrides of Ana's, one override of Zoe's and one of the bookshop's."""
    set_rules(program, open_invites=99, cooldown_seconds=0)
    now = timezone.now()
    made = [invites.create(member=ana, at=now - (20 - n) * HOUR, invitee_email=f"{n}@x.example") for n in range(5)]
    zoe = make_member(program, "zoe", at=now)
    for place, (merchant, scope, member) in enumerate(
        [
            (program.merchant, "invite_quota", ana),
            (program.merchant, "invite_cooldown", None),
            (program.merchant, "global_throttle", None),
            (program.merchant, "invite_quota", zoe),
            (bookworm.merchant, "invite_quota", None),
        ]
    ):
        guardrails.override(
            merchant=merchant, scope=scope, justification="Launch week", metadata={"secret": "x"},
            target_member_id=member.pk if member else None, at=now - (9.5 - place) * HOUR,
        )  # fmt: skip
    return made


def seen(answer):
    return [(entry["kind"], entry["id"]) for entry in answer.json()["entries"]]


def test_everything_comes_once_however_the_pages_are_cut(me, week):
    everything = seen(me.get("timeline", limit=50))
    assert [kind for kind, _ in everything] == ["guardrail_override"] * 3 + ["referral"] * 5

    for limit in range(1, 9):
        found, cursor = [], None
        while True:
            answer = me.get("timeline", limit=limit, **({"cursor": cursor} if cursor else {}))
            found += seen(answer)
            cursor = answer.json()["cursorToken"]
            if cursor is None:
                break
        assert found == everything


def test_an_invite_is_told_as_in_its_own_list(me, week):
    [entry] = [each for each in me.get("timeline").json()["entries"] if each["id"] == str(week[2].pk)]
    [told] = [each for each in me.get("referrals").json() if each["id"] == str(week[2].pk)]

    assert entry == {"kind": "referral", "id": told["id"], "occurredAt": told["createdAt"], "referral": told}


def test_an_invite_keeps_its_place_when_it_changes(me, ana, week):
    before = seen(me.get("timeline"))

    invites.cancel(member=ana, invite_id=week[0].pk, at=timezone.now())

    assert seen(me.get("timeline")) == before


def test_a_member_is_not_told_who_made_an_override_nor_what_stands_beside_it(me, week):
    entry = me.get("timeline").json()["entries"][0]

    assert set(entry["override"]) == {
        "id", "scope", "justification", "targetMemberId", "createdAt", "expiresAt", "revokedAt", "isActive",
    }  # fmt: skip
    assert (entry["override"]["scope"], entry["override"]["isActive"]) == ("global_throttle", True)


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ({"includeReferrals": "false"}, (0, 3)),
        ({"includeGuardrails": "false"}, (5, 0)),
        ({"referralStatuses": ["cancelled"]}, (0, 3)),
        ({"referralStatuses": ["sent", "draft"]}, (5, 3)),
        ({"guardrailScopes": ["invite_quota"]}, (5, 1)),
        ({"guardrailScopes": ["invite_quota", "global_throttle"], "includeReferrals": "false"}, (0, 2)),
    ],
)
def test_filters_narrow_what_they_are_about(me, week, query, counts):
    kinds = [kind for kind, _ in seen(me.get("timeline", **query))]

    assert (kinds.count("referral"), kinds.count("guardrail_override")) == counts


def test_a_code_finds_its_invite_in_small_letters_too(me, week):
    found = seen(me.get("timeline", referralCode=week[3].code.lower(), includeGuardrails="false"))

    assert found == [("referral", str(week[3].pk))]
