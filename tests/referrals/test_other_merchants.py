"""Codes, invites, reviews, overrides and figures of another merchant: to ours they are what is not there."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from loyalty.models import LedgerEntry, Member
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Role, StaffRole
from referrals import snapshots
from referrals.models import (
    AnalyticsSnapshot,
    DeviceTrace,
    GuardrailAuditEvent,
    GuardrailOverride,
    Invite,
    ReferralReview,
    ReferralSettings,
)
from referrals.operations import conversions, devices, guardrails, invites
from referrals.operations.devices import Footprint
from referrals.operations.refusals import UnknownCode
from tests.callers import operator_of, signed_in
from tests.cast import make_member, refused
from tests.console.conftest import manager, ours, sign_in, theirs  # noqa: F401
from tests.referrals.test_console import decides, key_in, lists, page


@pytest.fixture
def foreign(bookshop):
    """Somebody of the bookshop, by today's clock."""
    return make_member(bookshop, "foreign", at=timezone.now())


@pytest.fixture
def foreign_invite(foreign):
    return invites.create(member=foreign, invitee_email="friend@example.net", at=timezone.now())


def same_as_nothing(call, theirs, nothing):  # noqa: F811
    """What the door says of theirs is what it says of nothing, in as many queries."""
    answers, counts = [], []
    # Once beforehand: statements that a connection prepares or caches are not counted twice.
    for asked in (nothing, theirs, nothing):
        with CaptureQueriesContext(connection) as queries:
            answers.append(call(asked))
        counts.append(len(queries))
    told = [{**answer.json(), "requestId": None} for answer in answers]
    assert told[1] == told[2]
    assert answers[1].status_code == answers[2].status_code
    assert counts[1] == counts[2]
    return answers[1]


# --- The API ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("by", ["invite", "own code"])
def test_another_merchants_code_is_unknown_at_every_door(operator, ana, foreign, foreign_invite, by):
    code = foreign_invite.code if by == "invite" else foreign.referral_code
    friend = make_member(ana.program, "friend", at=timezone.now())

    def completes(code):
        return operator.post("referrals/complete", {"code": code, "inviteeUserId": str(friend.customer.user_id)})

    answer = same_as_nothing(completes, code, "RAAAAAAA" if by == "invite" else "MAAAAAAA")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_code")
    with refused(UnknownCode):
        conversions.attach(code=code, member=friend, at=timezone.now())
    assert not Invite.objects.filter(invitee=friend).exists()
    assert Invite.objects.get(pk=foreign_invite.pk).invitee is None


def test_another_merchants_customer_is_nobody_to_our_code(operator, me, foreign):
    code = me.post("referrals").json()["code"]

    def completes(user_id):
        return operator.post("referrals/complete", {"code": code, "inviteeUserId": str(user_id)})

    assert same_as_nothing(completes, foreign.customer.user_id, new_id()).status_code == 404
    assert not LedgerEntry.objects.filter(type="referral_bonus").exists()


def test_an_invite_of_another_merchant_or_member_cannot_be_cancelled(me, ana, foreign_invite):
    beside = invites.create(member=make_member(ana.program, "beside", at=timezone.now()), at=timezone.now())

    for row in (foreign_invite, beside):
        answer = same_as_nothing(lambda pk: me.post(f"referrals/{pk}/cancel"), row.pk, new_id())
        assert answer.status_code == 404
        assert Invite.objects.get(pk=row.pk).status in ("draft", "sent")


def test_lists_and_totals_are_of_the_caller_alone(me, ana, foreign, foreign_invite):
    mine = me.post("referrals").json()
    invites.create(member=make_member(ana.program, "beside", at=timezone.now()), at=timezone.now())

    assert [row["id"] for row in me.get("referrals").json()] == [mine["id"]]
    found = me.get("referrals/conversions").json()
    assert [row["id"] for row in found["invites"]] == [mine["id"]]
    assert found["statusCounts"]["draft"] == 1


def test_a_cursor_of_one_is_refused_to_the_other(me, ana, foreign, foreign_invite, program):
    from tests.referrals.conftest import set_rules

    set_rules(program, cooldown_seconds=0)
    for _ in range(3):
        me.post("referrals")
    cursor = me.get("referrals/conversions", limit=1).json()["nextCursor"]

    answer = signed_in(foreign.merchant, foreign.customer.user_id).get("referrals/conversions", cursor=cursor)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_an_operator_invites_for_nobody_of_another_merchant(operator, foreign):
    path = "members/{}/referrals"

    def invites_for(user_id):
        return operator.post(path.format(user_id))

    answer = invites_for(foreign.customer.user_id)

    # The id means nothing here: at most it makes a member of ours, and never an invite of theirs.
    assert answer.status_code in (201, 404)
    assert not Invite.objects.filter(referrer=foreign).exists()
    assert not Invite.objects.filter(merchant=foreign.merchant).exists()


def test_an_override_is_not_aimed_at_another_merchants_member(operator, foreign):
    def overrides(member_id):
        body = {"scope": "invite_quota", "justification": "Launch week", "targetMemberId": str(member_id)}
        return operator.post("guardrails/overrides", body)

    assert same_as_nothing(overrides, foreign.pk, new_id()).status_code == 404
    assert not GuardrailOverride.objects.exists()


def test_guardrails_of_another_merchant_neither_show_nor_act(operator, me, ana, foreign, foreign_invite):
    at = timezone.now()
    for scope in ("global_throttle", "invite_quota"):
        guardrails.override(merchant=foreign.merchant, scope=scope, justification="Theirs", at=at)

    shown = operator.get("guardrails").json()

    assert (shown["overrides"], shown["throttleOverrideActive"], shown["totalActiveInvites"]) == ([], False, 0)
    assert shown["cooldownUntil"] is None
    assert me.post("referrals").status_code == 201


def test_segments_and_velocity_are_of_the_callers_merchant(operator, me, ana, foreign):
    beside = make_member(foreign.program, "beside", at=timezone.now())
    assert beside
    snapshots.capture(merchants=[ana.merchant, foreign.merchant], at=timezone.now())

    for caller, members in ((operator, 1), (operator_of(foreign.merchant), 2)):
        segments = caller.get("referrals/segments").json()["segments"]
        assert sum(row["memberCount"] for row in segments) == members
        assert len(caller.get("analytics/velocity").json()["snapshots"]) == 1


def test_a_cursor_of_another_merchants_velocity_is_refused(operator, ana, foreign):
    for days in range(3):
        snapshots.capture(merchants=[foreign.merchant], at=timezone.now() - timedelta(days=days))
    cursor = operator_of(foreign.merchant).get("analytics/velocity", limit=1).json()["nextCursor"]

    answer = operator.get("analytics/velocity", cursor=cursor)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_one_device_at_two_merchants_speaks_against_nobody(alice, bookworm, invite, bob, complete):
    from tests.cast import NOON

    phone = Footprint(device="cookie", address="192.0.2.7", user_agent="Browser 1")
    devices.note(member=bookworm, footprint=phone, at=NOON)

    done = complete(invite.code, bob, footprint=phone)

    assert (done.signals, done.reward_state) == ([], "paid")
    assert DeviceTrace.objects.filter(merchant=bookworm.merchant).count() == 3


# --- The console --------------------------------------------------------------------------------------------------
DEEDS = [
    (Invite, "cancel"), (Invite, "reject"), (ReferralReview, "approve"), (ReferralReview, "reject"),
    (GuardrailOverride, "end"),
]  # fmt: skip
PAGES = [Invite, ReferralReview, GuardrailOverride, GuardrailAuditEvent, ReferralSettings]


def state_of(world):
    return [
        list(model.objects.filter(merchant=world.merchant).order_by("pk").values())
        for model in (*PAGES, AnalyticsSnapshot)
    ] + [list(Member.objects.filter(merchant=world.merchant).order_by("pk").values_list("pk", "points_balance"))]


@pytest.mark.parametrize(("model", "deed"), DEEDS)
def test_no_deed_reaches_a_row_of_another_merchant(manager, ours, theirs, model, deed):  # noqa: F811
    before = state_of(theirs)
    assert model.objects.filter(merchant=theirs.merchant).exists()

    for row in model.objects.filter(merchant=theirs.merchant):
        nothing = page(row, deed).replace(str(row.pk), str(new_id()))
        shown, none = manager.get(page(row, deed)), manager.get(nothing)
        assert (shown.status_code, none.status_code) == (404, 404)
        assert shown.content.replace(str(row.pk).encode(), b"") == none.content.replace(
            nothing.split("/")[-3].encode(), b""
        )
        typed = {"reason": "Ours to say", "key": str(new_id())}
        assert manager.post(page(row, deed), typed).status_code == 404
    assert state_of(theirs) == before


@pytest.mark.parametrize("model", PAGES)
def test_no_page_shows_a_row_of_another_merchant(manager, ours, theirs, model):  # noqa: F811
    row = model.objects.filter(merchant=theirs.merchant).first()

    assert manager.get(page(row)).status_code in (302, 404)
    assert manager.post(page(row), {"reward_points": 1}).status_code in (302, 403, 404)
    assert str(row.pk) not in manager.get(lists(model)).content.decode()


def test_searching_a_code_or_address_of_another_merchant_finds_nothing(manager, ours, theirs):  # noqa: F811
    for invite in Invite.objects.filter(merchant=theirs.merchant):
        for model, text in ((Invite, invite.code), (ReferralReview, invite.code), (Invite, invite.invitee_email)):
            shown = manager.get(lists(model), {"q": text or "x"})
            assert shown.context["cl"].result_count == 0


@pytest.fixture
def of_both(ours, theirs, sign_in):  # noqa: F811
    """The browser of a manager of ours who is one of theirs too."""
    user = ours.staff[Role.MANAGER]
    StaffRole.objects.create(user=user, merchant=theirs.merchant, role=Role.MANAGER)
    return sign_in(user)


@pytest.mark.parametrize("who", ["manager", "of_both"])
def test_an_override_of_one_merchant_is_not_for_a_member_of_the_other(request, ours, theirs, who):  # noqa: F811
    browser = request.getfixturevalue(who)
    before = state_of(ours), state_of(theirs)

    answer = browser.post(
        lists(GuardrailOverride, "add"),
        {
            "merchant": ours.merchant.pk, "scope": "invite_quota", "target_member": theirs.member.pk,
            "justification": "For a friend", "expires_at_0": "", "expires_at_1": "",
        },
    )  # fmt: skip

    assert answer.status_code == 200
    assert "target_member" in answer.context["adminform"].form.errors
    assert (state_of(ours), state_of(theirs)) == before


@pytest.mark.parametrize("merchant", ["theirs", "nobody", "nonsense"])
def test_an_override_is_not_made_for_another_merchant(manager, ours, theirs, merchant):  # noqa: F811
    asked = {"theirs": theirs.merchant.pk, "nobody": new_id(), "nonsense": "' OR 1=1"}[merchant]
    before = state_of(theirs)

    answer = manager.post(
        lists(GuardrailOverride, "add"),
        {
            "merchant": asked, "scope": "global_throttle", "target_member": "", "justification": "Stop them",
            "expires_at_0": "", "expires_at_1": "",
        },
    )  # fmt: skip

    assert answer.status_code == 200
    assert "merchant" in answer.context["adminform"].form.errors
    assert state_of(theirs) == before


def test_rules_are_not_made_for_another_merchants_program(manager, ours, theirs):  # noqa: F811
    ReferralSettings.objects.filter(merchant=theirs.merchant).delete()

    answer = manager.post(lists(ReferralSettings, "add"), {"program": theirs.program.pk, "reward_points": 10**6})

    assert answer.status_code == 200
    assert "program" in answer.context["adminform"].form.errors
    assert not ReferralSettings.objects.filter(merchant=theirs.merchant).exists()


def test_the_analytics_page_takes_no_merchant_and_no_store_of_another(manager, ours, theirs):  # noqa: F811
    for asked in ({"merchant": theirs.merchant.pk}, {"merchant": ours.merchant.pk, "store": theirs.store.pk}):
        shown = manager.get(reverse("admin:analytics"), asked)
        assert shown.status_code == 200
        assert shown.context["form"].errors
        assert "xyzzy" not in shown.content.decode().lower()


def test_our_own_deeds_are_done_with_the_same_calls(manager, ours, theirs):  # noqa: F811
    review = ReferralReview.objects.get(merchant=ours.merchant)
    assert key_in(manager.get(page(review, "approve")))

    decides(manager, review, "approve", "A household")

    review.refresh_from_db()
    assert review.status == "approved"
