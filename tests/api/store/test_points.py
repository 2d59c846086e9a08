"""Points at the counter."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import LedgerEntry, Redemption, Reward
from loyalty_site.tenants.models import Store
from tests.tills import Till, problem


def test_a_purchase_earns_once_and_the_repeat_is_answered_alike(earn, ana):
    first, again = earn(), earn()

    assert (first.status_code, again.status_code) == (201, 200)
    assert again["Idempotent-Replayed"] == "true"
    assert not first.has_header("Idempotent-Replayed")
    assert again.json() == first.json()
    assert first.json()["points"] == first.json()["pointsBalance"] == 45
    ana.refresh_from_db()
    assert ana.points_balance == 45


def test_the_same_reference_with_another_amount_is_refused(earn):
    earn()

    problem(earn("5.00"), 422, "idempotency_key_reused")


def test_another_members_order_is_refused(till, earn, program):
    earn()
    other = till.post("cards", {"externalRef": "ben"}).json()["cardNumber"]

    response = till.post(f"cards/{other}/points", {"amount": "4.50", "orderReference": "W-1"})

    problem(response, 409, "order_already_used")


def test_names_may_be_given_in_snake_case(till, card):
    response = till.post(f"{card}/points", {"amount": 4.5, "order_reference": "W-1"})

    assert response.json()["points"] == 45


def test_items_are_kept_as_they_were_given(till, card):
    items = [{"SKU_a": "x", "unitPrice": 1.5}]

    response = till.post(f"{card}/points", {"amount": "1", "orderReference": "W-1", "items": items})

    assert response.json()["metadata"]["items"] == [{"SKU_a": "x", "unitPrice": "1.5"}]


@pytest.mark.parametrize(("ago", "status"), [(-4, 201), (-6, 422), (29 * 1440, 201), (30 * 1440 + 1, 422)])
def test_a_till_may_send_what_happened_within_30_days(till, card, ago, status):
    moment = (timezone.now() - timedelta(minutes=ago)).isoformat()

    response = till.post(f"{card}/points", {"amount": "1", "orderReference": "W-1", "occurredAt": moment})

    assert response.status_code == status, response.content
    if status == 422:
        assert problem(response, 422, "occurred_at_out_of_range")["errors"][0]["attr"] == "occurredAt"


def test_a_preview_says_what_it_would_earn_and_writes_nothing(till, card, ana):
    response = till.post(f"{card}/points/preview", {"amount": "4.50"})

    assert response.json()["points"] == 45
    assert response.json()["why"]["rate"] == "10"
    assert not LedgerEntry.objects.filter(member=ana).exists()


def test_another_currency_is_refused(till, card):
    body = {"amount": "1", "orderReference": "1", "currency": "USD"}

    problem(till.post(f"{card}/points", body), 422, "currency_mismatch")


def test_points_are_spent_once_for_an_order(till, card, earn, ana):
    earn()
    body = {"points": 40, "orderReference": "R-1"}

    first, again = till.post(f"{card}/points/redeem", body), till.post(f"{card}/points/redeem", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert first.json()["entry"]["points"] == -40
    assert Redemption.objects.count() == 1
    problem(till.post(f"{card}/points/redeem", {**body, "points": 3}), 422, "idempotency_key_reused")
    problem(till.post(f"{card}/points/redeem", {"points": 6, "orderReference": "R-2"}), 409, "insufficient_points")
    ana.refresh_from_db()
    assert ana.points_balance == 5


def test_a_reward_costs_what_it_costs_and_the_repeat_survives_a_new_price(till, card, earn, program):
    earn()
    reward = Reward.objects.create(program=program, slug="coffee", name="Coffee", cost_points=30)
    body = {"rewardSlug": "coffee", "orderReference": "R-1"}

    first = till.post(f"{card}/points/redeem", body)
    Reward.objects.filter(pk=reward.pk).update(cost_points=10)
    again = till.post(f"{card}/points/redeem", body)

    assert (first.json()["pointsCost"], first.json()["rewardSlug"]) == (30, "coffee")
    assert first.json()["entry"]["metadata"]["reward_id"] == str(reward.pk)
    assert again.json() == first.json()
    Reward.objects.filter(pk=reward.pk).update(is_active=False)
    problem(till.post(f"{card}/points/redeem", {**body, "orderReference": "R-2"}), 409, "reward_unavailable")
    problem(till.post(f"{card}/points/redeem", {**body, "rewardSlug": "tea"}), 409, "reward_unavailable")


@pytest.mark.parametrize("body", [{}, {"points": 1, "rewardSlug": "x"}])
def test_points_or_a_reward_not_both(till, card, body):
    problem(till.post(f"{card}/points/redeem", {**body, "orderReference": "R"}), 400, "one")


def test_a_refund_takes_what_is_there_and_says_what_is_short(till, card, earn):
    earn("10.00")
    till.post(f"{card}/points/redeem", {"points": 70, "orderReference": "R-1"})
    body = {"amount": "5.00", "orderReference": "W-1", "refundReference": "B-1"}

    first, again = till.post(f"{card}/refunds", body), till.post(f"{card}/refunds", body)

    assert (first.json()["taken"], first.json()["shortfall"], first.json()["requested"]) == (30, 20, 50)
    assert (again.status_code, again.json()) == (200, first.json())
    rest = {"amount": "5.00", "orderReference": "W-1", "refundReference": "B-2"}
    assert till.post(f"{card}/refunds", rest).json()["requested"] == 50
    missing = {"amount": "5.00", "orderReference": "W-9", "refundReference": "B-3"}
    problem(till.post(f"{card}/refunds", missing), 404, "order_not_found")


def test_a_void_undoes_what_the_order_keeps_once(till, card, earn, ana):
    entry = earn().json()["id"]

    first = till.post(f"transactions/{entry}/void", {"reason": "rung up twice"})
    again = till.post(f"transactions/{entry}/void", {"reason": "rung up twice"})

    assert (first.status_code, first.json()["points"], first.json()["answers"]) == (201, -45, entry)
    assert (again.status_code, again.json()) == (200, first.json())
    ana.refresh_from_db()
    assert (ana.points_balance, ana.lifetime_points) == (0, 0)


def test_a_void_is_of_this_store_in_time_and_covered(till, card, earn, cafe):
    entry = earn().json()["id"]
    terrace = Till(Store.objects.create(merchant=cafe, reference="terrace", name="Terrace"))

    problem(terrace.post(f"transactions/{entry}/void", {"reason": "x"}), 422, "not_voidable")
    till.post(f"{card}/points/redeem", {"points": 40, "orderReference": "R"})
    problem(till.post(f"transactions/{entry}/void", {"reason": "x"}), 409, "insufficient_points")
    yesterday = (timezone.now() - timedelta(hours=25)).isoformat()
    old = till.post(f"{card}/points", {"amount": "1", "orderReference": "old", "occurredAt": yesterday}).json()["id"]
    problem(till.post(f"transactions/{old}/void", {"reason": "x"}), 409, "void_too_late")
