"""Whatever operators and members send about redemptions and intents is granted or refused, and never a fault."""

import pytest
from django.utils import timezone

from loyalty.models import CheckoutIntent, Redemption

pytestmark = pytest.mark.long

NOW = timezone.now().isoformat()
NUMBERS = [0, -1, 1.5, "1", True, None, [], {}, 10**30, "NaN"]
TEXTS = ["", " ", "a\x00b", "a\nb", "\u202eabc", "\ud800", "x" * 10_000, 5, None, [], {}]


@pytest.mark.parametrize("name", ["quantity", "pointsCost"])
@pytest.mark.parametrize("value", NUMBERS)
def test_numbers(operator, ana, name, value):
    body = {"pointsCost": 1, name: value}

    assert operator.post(f"members/{ana.customer.user_id}/redemptions", body).status_code == 400
    assert not Redemption.objects.exists()


@pytest.mark.parametrize("slug", [*TEXTS, "../x", "a b", "é", "x" * 61])
def test_slugs(operator, ana, slug):
    assert operator.post(f"members/{ana.customer.user_id}/redemptions", {"rewardSlug": slug}).status_code == 400


@pytest.mark.parametrize("metadata", ["x", [], 1, None, {"x": "y" * 9000}, {"a": "\x00"}])
def test_metadata(operator, ana, earn, metadata):
    earn()
    body = {"pointsCost": 1, "metadata": metadata}

    assert operator.post(f"members/{ana.customer.user_id}/redemptions", body).status_code in (400, 422)
    assert not Redemption.objects.exists()


@pytest.mark.parametrize("name", ["id", "kind", "createdAt", "expiresAt", "channel", "referralCode", "rewardName"])
@pytest.mark.parametrize("value", TEXTS)
def test_intents(operator, ana, name, value):
    intent = {"id": "i-1", "kind": "referral_share", "createdAt": NOW, name: value}
    body = {"orderId": "W-1", "userId": str(ana.customer.user_id), "intents": [intent]}

    response = operator.post("checkout/intents", body)

    if name in ("channel", "referralCode", "rewardName") and isinstance(value, str) and not value.strip():
        assert response.status_code == 200
    else:
        assert response.status_code == 400, response.content
        assert not CheckoutIntent.objects.exists()


@pytest.mark.parametrize("intents", [None, {}, "x", [1], [None], [[]], [{"id": "x"}] * 51])
def test_lists_of_intents(operator, ana, intents):
    body = {"orderId": "W-1", "userId": str(ana.customer.user_id), "intents": intents}

    assert operator.post("checkout/intents", body).status_code == 400


def test_points_beyond_all_bounds_are_refused(operator, ana, program):
    from loyalty.models import Reward

    Reward.objects.create(program=program, slug="moon", name="Moon", cost_points=10**12)
    body = {"rewardSlug": "moon", "quantity": 1000}

    assert operator.post(f"members/{ana.customer.user_id}/redemptions", body).json()["code"] == "invalid_points"


@pytest.mark.parametrize("identity", ["x", "0", "..", "%00", "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b1"])
def test_addresses_that_are_none(operator, me, identity):
    assert operator.post(f"redemptions/{identity}/cancel", {}).status_code in (400, 404)
    assert me.post(f"next-actions/{identity}/resolve", {}).status_code in (400, 404)


@pytest.mark.parametrize("reason", [*TEXTS[:7], 5, [], {}])
def test_reasons(operator, ana, earn, reason):
    earn()
    made = operator.post(f"members/{ana.customer.user_id}/redemptions", {"pointsCost": 1}).json()

    assert operator.post(f"redemptions/{made['id']}/fail", {"reason": reason}).status_code == 400
    assert Redemption.objects.get().status == "requested"
