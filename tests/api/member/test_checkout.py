"""Checkout intents and next actions at the doors of operators and members."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import CheckoutIntent, Redemption, Reward
from loyalty_site.ids import new_id
from tests.callers import signed_in
from tests.tills import problem

INTENT = {
    "id", "clientIntentId", "kind", "status", "orderId", "channel", "createdAt", "expiresAt", "resolvedAt", "metadata",
}  # fmt: skip
CARD = {"id", "kind", "headline", "description", "ctaLabel", "createdAt", "expiresAt", "metadata"}


@pytest.fixture
def rich(ana, earn, program):
    """Ana with 100 points, and a tea for 40."""
    Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=40)
    earn("10.00")
    ana.refresh_from_db()
    return ana


def intent(client_id="i-1", **more):
    given = {"id": client_id, "kind": "redemption", "createdAt": timezone.now().isoformat(), "rewardSlug": "tea"}
    return {name: value for name, value in (given | more).items() if value is not None}


def share(client_id="s-1", **more):
    return intent(client_id, **({"kind": "referral_share", "rewardSlug": None, "channel": "email"} | more))


@pytest.fixture
def send(operator, rich):
    def sent(*intents, action=None, key=None, **more):
        body = {"orderId": "W-7", "userId": str(rich.customer.user_id), "intents": list(intents)} | more
        return operator.post("checkout/intents", body | ({"action": action} if action else {}), key=key)

    return sent


def test_confirming_answers_intents_cards_and_what_is_rejected(send, rich):
    response = send(intent(), share(), intent("i-2", rewardSlug=None, pointsCost=61))

    body = response.json()
    assert response.status_code == 200
    assert set(body) == {"intents", "cards", "rejected"}
    assert all(set(each) == INTENT for each in body["intents"])
    assert all(set(each) == CARD for each in body["cards"])
    made = Redemption.objects.get()
    assert body["intents"][0]["metadata"] == {"clientIntentId": "i-1", "redemptionId": str(made.pk)}
    assert body["intents"][1]["metadata"] == {"clientIntentId": "s-1", "referralCode": rich.referral_code}
    assert body["cards"][0]["metadata"] == {
        "clientIntentId": "i-1",
        "redemptionId": str(made.pk),
        "ctaHref": "/account/loyalty#rewards",
        "intentStatus": "pending",
    }
    assert body["cards"][1]["metadata"]["ctaHref"] == "/account/loyalty/referrals"
    assert body["rejected"] == [{"id": "i-2", "code": "insufficient_points", "detail": "There are not enough points."}]


def test_the_repeat_is_the_first_answer(send):
    first, again = send(intent()), send(intent())

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Redemption.objects.count() == 1


def test_a_cancelled_one_is_answered_without_a_card(send, rich):
    send(intent())

    body = send(intent(), action="cancel").json()

    assert (body["intents"][0]["status"], body["cards"], body["rejected"]) == ("cancelled", [], [])
    assert send(intent()).json()["rejected"][0]["code"] == "intent_cancelled"
    rich.refresh_from_db()
    assert rich.points_held == 0


@pytest.mark.parametrize(
    ("more", "attribute"),
    [
        ({"intents": []}, "intents"),
        ({"action": "maybe"}, "action"),
        ({"intents": [{"id": "x", "kind": "gift", "createdAt": "2026-03-02T12:00:00Z"}]}, "intents.0.kind"),
        ({"userId": "x"}, "userId"),
        ({"orderId": ""}, "orderId"),
        ({"colour": 1}, "colour"),
    ],
)
def test_what_is_malformed_is_400(send, more, attribute):
    body = problem(send(intent(), **more), 400, send(intent(), **more).json()["code"])

    assert {error["attr"] for error in body["errors"]} == {attribute}


def test_a_reserved_one_has_no_card_once_it_is_handed_out(send, operator):
    send(intent())
    operator.post(f"redemptions/{Redemption.objects.get().pk}/fulfill", {})

    body = send(intent()).json()

    assert (body["intents"][0]["status"], body["cards"], body["rejected"]) == ("resolved", [], [])


def test_what_a_back_office_cancelled_is_not_confirmed_again(send, operator, rich):
    send(intent(), intent("i-2", rewardSlug=None, pointsCost=5))
    for each in Redemption.objects.all():
        operator.post(f"redemptions/{each.pk}/{'fail' if each.reward_id else 'cancel'}", {"reason": "Sold out"})

    body = send(intent(), intent("i-2", rewardSlug=None, pointsCost=5)).json()

    assert [each["code"] for each in body["rejected"]] == ["intent_cancelled"] * 2
    assert (body["intents"], body["cards"], Redemption.objects.count()) == ([], [], 2)
    assert set(CheckoutIntent.objects.values_list("status", flat=True)) == {"cancelled"}


def test_an_intent_that_is_over_when_it_comes_holds_nothing(send, rich):
    now = timezone.now()

    body = send(intent(expiresAt=now.isoformat()), share(expiresAt=(now - timedelta(days=1)).isoformat())).json()

    assert [each["code"] for each in body["rejected"]] == ["intent_expired"] * 2
    assert (body["intents"], body["cards"]) == ([], [])
    assert not CheckoutIntent.objects.exists()
    assert not Redemption.objects.exists()


def test_an_intents_order_is_the_orders(send):
    problem(send(intent(orderId="W-8")), 400, "other_order")
    assert send(intent(orderId="W-7")).status_code == 200


def test_the_feed_is_the_members_own(send, me, alice, rich):
    send(share("early"), intent("late", metadata={"basket": 3}))

    body = me.get("next-actions").json()

    assert set(body) == {"intents", "cards"}
    assert [each["clientIntentId"] for each in body["intents"]] == ["early", "late"]
    assert [each["kind"] for each in body["cards"]] == ["referral_share", "redemption"]
    assert body["intents"][1]["metadata"]["basket"] == 3
    stranger = signed_in(alice.merchant, alice.customer.user_id)
    assert stranger.get("next-actions").json() == {"intents": [], "cards": []}


def test_the_member_resolves_or_cancels(send, me, rich, alice):
    made = {each["clientIntentId"]: each["id"] for each in send(intent(), share()).json()["intents"]}
    stranger = signed_in(alice.merchant, alice.customer.user_id)
    problem(stranger.post(f"next-actions/{made['i-1']}/resolve", {}), 404, "not_found")
    problem(me.post(f"next-actions/{new_id()}/resolve", {}), 404, "not_found")
    problem(me.post(f"next-actions/{made['i-1']}/resolve", {"status": "pending"}), 400, "invalid_choice")

    resolved = me.post(f"next-actions/{made['s-1']}/resolve", {}).json()
    cancelled = me.post(f"next-actions/{made['i-1']}/resolve", {"status": "cancelled"}).json()

    assert set(resolved) == INTENT
    assert (resolved["status"], cancelled["status"]) == ("resolved", "cancelled")
    assert me.get("next-actions").json()["intents"] == []
    rich.refresh_from_db()
    assert rich.points_held == 0
    assert CheckoutIntent.objects.filter(resolved_at=None).count() == 0
