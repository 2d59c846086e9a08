"""A call about redemptions and intents is at most six queries, whatever the reward asks for."""

import pytest
from django.utils import timezone

from loyalty.models import Reward, RewardKind, Tier
from loyalty.operations import points, reward_codes
from loyalty.operations.enrollment import Person, enroll
from loyalty_site.tenants.models import Store
from tests.callers import operator_of, signed_in
from tests.cast import make_merchant
from tests.http.test_queries import MOST, statements
from tests.tills import Till


@pytest.fixture
def callers(own_database):
    """A back end, a member with points, and a till; and a reward with every rule there is."""
    program = make_merchant("cafe")
    tier = Tier.objects.create(program=program, slug="silver", name="Silver", point_threshold=10)
    voucher = Reward.objects.create(
        program=program, slug="voucher", name="V", cost_points=5, kind=RewardKind.DISCOUNT_CODE,
        stock=50, limit_per_member=40, minimum_tier=tier,
    )  # fmt: skip
    Reward.objects.create(program=program, slug="tea", name="Tea", cost_points=5, stock=50)
    reward_codes.upload(reward=voucher, codes=[f"C-{number}" for number in range(30)])
    store = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    member = enroll(program=program, person=Person(external_ref="ana"), at=timezone.now()).member
    points.award(member=member, type="tier_bonus", points=5_000, key="k", at=timezone.now())
    return operator_of(program.merchant), signed_in(program.merchant, member.customer.user_id), Till(store), member


def counted(send):
    with statements() as sent:
        response = send()
    assert response.status_code < 300, response.content
    assert len(sent) <= MOST, "\n".join(sent)
    return response.json()


@pytest.mark.parametrize("keyed", [True, False])
def test_redemptions(callers, keyed):
    operator, me, till, member = callers
    user, keys = member.customer.user_id, iter(range(100))

    def post(path, body):
        return counted(lambda: operator.post(path, body, key=f"k-{next(keys)}" if keyed else None))

    for slug in ("voucher", "tea"):
        for call, body in (("fulfill", {"metadata": {"a": 1}}), ("fail", {"reason": "x"}), ("cancel", {})):
            made = post(f"members/{user}/redemptions", {"rewardSlug": slug, "quantity": 2})
            post(f"redemptions/{made['id']}/{call}", body)
        order = {"rewardSlug": slug, "orderReference": f"R-{slug}"}
        counted(
            lambda order=order: till.post(
                f"cards/{member.card_number}/points/redeem", order, key=f"t-{order}" if keyed else None
            )
        )
    post(f"members/{user}/redemptions", {"pointsCost": 3})
    counted(lambda: me.get("redemptions", limit=100))


@pytest.mark.parametrize("keyed", [True, False])
def test_checkouts_however_many_intents_there_are(callers, keyed):
    operator, me, _, member = callers
    now = timezone.now().isoformat()
    intents = [
        {"id": f"i-{number}", "kind": "redemption", "createdAt": now, "rewardSlug": ("tea", "voucher")[number % 2]}
        for number in range(12)
    ]
    intents.append({"id": "s", "kind": "referral_share", "createdAt": now})
    body = {"orderId": "W-1", "userId": str(member.customer.user_id)}
    keys = iter(range(100))

    def post(door, path, body):
        return counted(lambda: door.post(path, body, key=f"k-{next(keys)}" if keyed else None))

    made = post(operator, "checkout/intents", {**body, "intents": intents})["intents"]
    post(operator, "checkout/intents", {**body, "intents": intents})
    assert len(counted(lambda: me.get("next-actions"))["cards"]) == 13
    post(me, f"next-actions/{made[0]['id']}/resolve", {})
    post(me, f"next-actions/{made[1]['id']}/resolve", {"status": "cancelled"})
    post(operator, "checkout/intents", {**body, "intents": intents[2:], "action": "cancel"})
