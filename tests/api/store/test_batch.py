"""The batch of a till that was offline."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import LedgerEntry, Reward, Tier
from tests.tills import problem


@pytest.fixture
def batch(till):
    def send(*operations, **more):
        numbered = [{"clientId": str(place), **one} for place, one in enumerate(operations)]
        return till.post("batch", {"operations": numbered}, **more)

    return send


def earned(ana, order, amount="4.50", **more):
    return {"op": "earn", "cardNumber": ana.card_number, "amount": amount, "orderReference": order, **more}


def statuses(response):
    assert response.status_code == 200, response.content
    return [one["status"] for one in response.json()["results"]]


def test_every_operation_has_its_own_result_in_its_order(batch, ana, program):
    Reward.objects.create(program=program, slug="coffee", name="Coffee", cost_points=40)
    number = ana.card_number
    response = batch(
        {"op": "enroll", "email": "new@example.com", "firstName": "New"},
        earned(ana, "W-1"),
        {"op": "stamp", "cardNumber": number, "count": 10},
        {"op": "stampsRedeem", "cardNumber": number},
        {"op": "redeem", "cardNumber": number, "rewardSlug": "coffee", "orderReference": "R-1"},
        {"op": "refund", "cardNumber": number, "amount": "4.50", "orderReference": "W-1", "refundReference": "B-1"},
        {"op": "redeem", "cardNumber": number, "points": 1, "orderReference": "R-2"},
    )

    assert statuses(response) == [201, 201, 201, 201, 201, 201, 409]
    results = response.json()["results"]
    assert [one["clientId"] for one in results] == ["0", "1", "2", "3", "4", "5", "6"]
    assert results[0]["result"]["email"] == "new@example.com"
    assert results[4]["result"]["entry"]["pointsBalance"] == 5
    assert (results[5]["result"]["taken"], results[5]["result"]["shortfall"]) == (5, 40)
    assert results[6]["problem"]["code"] == "insufficient_points"
    ana.refresh_from_db()
    assert (ana.points_balance, ana.stamp_count) == (0, 0)


def test_a_bad_operation_has_a_problem_and_the_others_stand(till, ana, bookworm):
    operations = [
        {"clientId": "a", **earned(ana, "W-1")},
        {"clientId": "b", **earned(ana, "W-2", amount="NaN")},
        {"clientId": "c", **earned(ana, "W-3", surprise=1)},
        "nonsense",
        {"clientId": "e", **earned(bookworm, "W-4")},
        {"clientId": "f", "op": "dance"},
        {"clientId": "g", **earned(ana, "W-5", occurredAt=(timezone.now() - timedelta(days=31)).isoformat())},
        {"clientId": "a", **earned(ana, "W-6")},
        {"clientId": "i", **earned(ana, "W-7")},
    ]
    response = till.post("batch", {"operations": operations})

    assert statuses(response) == [201, 400, 400, 400, 404, 400, 422, 400, 201]
    codes = [one["problem"] and one["problem"]["code"] for one in response.json()["results"]]
    assert codes[4] == "not_found"
    assert codes[6] == "occurred_at_out_of_range"
    ana.refresh_from_db()
    assert ana.points_balance == 90


def test_the_same_batch_again_and_half_of_it_move_nothing_twice(batch, ana):
    operations = [
        earned(ana, "W-1"),
        {"op": "stamp", "cardNumber": ana.card_number},
        {"op": "redeem", "cardNumber": ana.card_number, "points": 5, "orderReference": "R-1"},
        {"op": "enroll", "externalRef": "ben"},
    ]
    half = batch(*operations[:2])
    first = batch(*operations)
    again = batch(*operations)

    assert statuses(half) == [201, 201]
    assert statuses(first) == [200, 200, 201, 201]
    assert statuses(again) == [200, 200, 200, 200]
    assert [one["result"] for one in again.json()["results"]] == [one["result"] for one in first.json()["results"]]
    ana.refresh_from_db()
    assert (ana.points_balance, ana.stamp_count) == (40, 1)


def test_one_reference_twice_in_a_batch_counts_once(batch, ana):
    response = batch(earned(ana, "W-1"), earned(ana, "W-1"), earned(ana, "W-1", amount="9.00"))

    assert statuses(response) == [201, 200, 422]
    ana.refresh_from_db()
    assert ana.points_balance == 45


def test_a_tier_reached_within_the_batch_multiplies_what_follows(batch, ana, program):
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=45, multiplier=2)

    response = batch(earned(ana, "W-1"), earned(ana, "W-2"))

    assert [one["result"]["points"] for one in response.json()["results"]] == [45, 90]
    ana.refresh_from_db()
    assert ana.tier.slug == "gold"


def test_limits_hold_within_the_batch(batch, ana, program):
    program.minutes_between_stamps, program.max_points_per_day = 10, 60
    program.save()
    stamp = {"op": "stamp", "cardNumber": ana.card_number}
    earlier = (timezone.now() - timedelta(days=1)).isoformat()

    response = batch(stamp, stamp, {**stamp, "occurredAt": earlier}, earned(ana, "W-1"), earned(ana, "W-2"))

    assert statuses(response) == [201, 409, 201, 201, 201]
    assert [one["result"]["points"] for one in response.json()["results"][3:]] == [45, 15]


def test_a_void_in_a_batch_undoes_once(till, batch, ana):
    entry = batch(earned(ana, "W-1")).json()["results"][0]["result"]["id"]
    void = {"op": "void", "entryId": entry, "reason": "twice"}

    response = batch(void, void)

    assert statuses(response) == [201, 200]
    ana.refresh_from_db()
    assert ana.points_balance == 0


def test_a_batch_with_one_idempotency_key_answers_the_same_again(batch, ana):
    first, again = batch(earned(ana, "W-1"), key="b-1"), batch(earned(ana, "W-1"), key="b-1")

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("operations", [[], [{}] * 101, "x", {"a": 1}, None])
def test_a_batch_has_one_to_a_hundred_operations(till, operations):
    response = till.post("batch", {"operations": operations})

    assert problem(response, 400, response.json()["code"])["errors"][0]["attr"] == "operations"


def test_a_hundred_operations_take_at_most_25_queries(till, ana, program, django_assert_max_num_queries):
    program.welcome_bonus, program.max_points_per_day, program.stamps_per_day = 5, 5000, 100
    program.tier_basis = "rolling"
    program.save()
    Tier.objects.create(program=program, slug="gold", name="Gold", point_threshold=45, multiplier=2)
    number = ana.card_number
    kinds = [
        lambda n: {"op": "enroll", "externalRef": f"p-{n}", "email": f"p{n}@example.com"},
        lambda n: earned(ana, f"W-{n}"),
        lambda n: {"op": "stamp", "cardNumber": number, "orderReference": f"W-{n}"},
        lambda n: {"op": "redeem", "cardNumber": number, "points": 1, "orderReference": f"R-{n}"},
        lambda n: {"op": "refund", "cardNumber": number, "amount": "0.10", "refundReference": f"B-{n}"},
    ]
    operations = [{"clientId": str(n), **kinds[n % 5](n)} for n in range(100)]

    with django_assert_max_num_queries(25):
        response = till.post("batch", {"operations": operations}, key="big")

    assert set(statuses(response)) == {201}
    assert LedgerEntry.objects.filter(member=ana).count() == 80
