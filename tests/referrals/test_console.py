"""What staff see of referrals, and do about them."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from loyalty.models import Member
from loyalty_site.tenants.models import Role
from referrals.models import GuardrailAuditEvent, GuardrailOverride, Invite, ReferralReview, ReferralSettings
from tests.console.conftest import manager, ours, sign_in  # noqa: F401


def page(row, name="change"):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{name}", args=[row.pk])


def lists(model, name="changelist"):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}")


@pytest.fixture
def review(ours):  # noqa: F811
    return ReferralReview.objects.get(merchant=ours.merchant)


def key_in(response):
    return response.context["form"]["key"].initial


def decides(browser, row, deed, reason):
    key = key_in(browser.get(page(row, deed)))
    return browser.post(page(row, deed), {"reason": reason, "key": key}, follow=True)


def test_the_queue_shows_the_evidence(manager, review):  # noqa: F811
    shown = manager.get(lists(ReferralReview)).content.decode()

    assert review.invite.code in shown
    assert "Look-alike e-mail (+40)" in shown
    assert review.invite.invitee.customer.email in shown
    assert page(review) in shown
    alone = manager.get(page(review)).content.decode()
    assert "look like one person" in alone
    assert review.invite.referrer.customer.email in alone


def test_approving_credits_both_sides_and_says_who(manager, ours, review):  # noqa: F811
    before = Member.objects.get(pk=ours.member.pk).points_balance

    decides(manager, review, "approve", "A household")

    review.refresh_from_db()
    assert (review.status, review.reason, review.decided_by) == ("approved", "A household", ours.staff[Role.MANAGER])
    assert Member.objects.get(pk=ours.member.pk).points_balance == before + 500


def test_an_approval_brings_a_reason_of_its_own(manager, review):  # noqa: F811
    form = manager.get(page(review, "approve")).context["form"]

    assert form["reason"].initial


def button(text, address):
    """The key that the button to this address sends."""
    [key] = re.findall(rf'formaction="{re.escape(address)}" name="key" value="([0-9a-f]+)"', text)
    return key


def test_one_click_in_the_queue_approves_once(manager, ours, review):  # noqa: F811
    before = Member.objects.get(pk=ours.member.pk).points_balance
    address = page(review, "approve")
    key = button(manager.get(lists(ReferralReview)).content.decode(), address)

    for _ in range(2):
        manager.post(address, {"key": key, "action": ""})

    review.refresh_from_db()
    assert (review.status, review.reason) == ("approved", "Looked at: nothing wrong.")
    assert review.decided_by == ours.staff[Role.MANAGER]
    assert Member.objects.get(pk=ours.member.pk).points_balance == before + 500
    assert address not in manager.get(lists(ReferralReview)).content.decode()


def test_the_page_of_a_review_decides_with_one_form(manager, review):  # noqa: F811
    shown = manager.get(page(review))
    key = shown.context["decision"]["key"].initial
    for deed in ("approve", "reject"):
        assert f'formaction="{page(review, deed)}"' in shown.content.decode()

    # A rejection without a reason says so, and nothing has happened.
    assert manager.post(page(review, "reject"), {"key": key, "reason": " "}).context["form"]["reason"].errors
    manager.post(page(review, "reject"), {"key": key, "reason": "One phone"})

    review.refresh_from_db()
    assert (review.status, review.reason) == ("rejected", "One phone")


def test_who_only_looks_is_offered_no_decision(sign_in, ours, review):  # noqa: F811
    browser = sign_in(ours.staff[Role.ANALYST])
    answers = [browser.get(lists(ReferralReview)), browser.get(page(review))]

    for answer in answers:
        assert answer.status_code in (200, 403)
        assert page(review, "approve") not in answer.content.decode()
    assert browser.post(page(review, "approve"), {"key": "0" * 32}).status_code == 403


def test_rejecting_without_a_reason_does_nothing(manager, review):  # noqa: F811
    decides(manager, review, "reject", " ")

    review.refresh_from_db()
    assert review.status == "open"


def test_what_was_approved_can_be_rejected_and_then_nothing_more(manager, review):  # noqa: F811
    decides(manager, review, "approve", "Fine")
    decides(manager, review, "reject", "It was a trick")

    review.refresh_from_db()
    assert (review.status, review.invite.reward_state) == ("rejected", "reversed")
    assert page(review, "approve") not in manager.get(page(review)).content.decode()


def test_an_invite_is_cancelled_with_a_reason(manager, ours):  # noqa: F811
    invite = Invite.objects.get(merchant=ours.merchant, status="sent")

    decides(manager, invite, "cancel", "Asked to")

    invite.refresh_from_db()
    assert (invite.status, invite.reason) == ("cancelled", "Asked to")


def test_the_list_of_guardrails_says_how_things_stand(manager, ours):  # noqa: F811
    shown = manager.get(lists(GuardrailOverride)).content.decode()

    assert 'data-testid="open-invites"' in shown
    assert "cafe week" in shown


def adds(browser, **typed):
    given = {"expires_at_0": "", "expires_at_1": "", "target_member": ""} | typed
    return browser.post(lists(GuardrailOverride, "add"), given)


def test_an_override_is_made_in_place_of_the_one_there_is(manager, ours):  # noqa: F811
    first = GuardrailOverride.objects.get(merchant=ours.merchant)

    answer = adds(
        manager, merchant=ours.merchant.pk, scope="invite_quota", target_member=ours.member.pk, justification="Fair"
    )

    assert answer.status_code == 302
    first.refresh_from_db()
    made = GuardrailOverride.objects.exclude(pk=first.pk).get()
    assert not first.is_active(timezone.now())
    assert (made.justification, made.created_by_user_id) == ("Fair", ours.staff[Role.MANAGER].pk)
    assert list(GuardrailAuditEvent.objects.order_by("at", "pk").values_list("action", flat=True)) == [
        "created", "created", "superseded",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "typed",
    [
        {"justification": "x"},
        {"scope": "global_throttle", "target_member": "member"},
        {"expires_at_0": "2001-01-01", "expires_at_1": "00:00"},
    ],
)
def test_an_override_that_cannot_act_is_told_in_the_form(manager, ours, typed):  # noqa: F811
    given = {"merchant": ours.merchant.pk, "scope": "invite_quota", "justification": "Launch week"} | typed
    if "target_member" in given:
        given["target_member"] = ours.member.pk

    answer = adds(manager, **given)

    assert answer.status_code == 200
    assert GuardrailOverride.objects.filter(merchant=ours.merchant).count() == 1


def test_an_override_is_ended_early(manager, ours):  # noqa: F811
    row = GuardrailOverride.objects.get(merchant=ours.merchant)

    decides(manager, row, "end", "Cleared up")

    row.refresh_from_db()
    assert not row.is_active(timezone.now() + timedelta(seconds=1))
    assert "Cleared up" in manager.get(lists(GuardrailAuditEvent)).content.decode()


def test_the_rules_are_a_form_with_the_defaults(manager, ours):  # noqa: F811
    row = ReferralSettings.objects.get(merchant=ours.merchant)
    form = manager.get(page(row)).context["adminform"].form

    typed = {name: form[name].value() for name in form.fields} | {"reward_points": 300}
    answer = manager.post(page(row), typed)

    assert answer.status_code == 302
    row.refresh_from_db()
    assert (row.reward_points, row.open_invites) == (300, 5)


def test_a_cashier_looks_and_does_not_decide(sign_in, ours, review):  # noqa: F811
    browser = sign_in(ours.staff[Role.CASHIER])

    assert browser.get(lists(Invite)).status_code == 200
    assert browser.get(lists(ReferralReview)).status_code == 403
    assert browser.post(page(review, "approve"), {"reason": "x"}).status_code in (403, 404)
