"""The stamp card at the counter."""

from datetime import timedelta

from django.utils import timezone

from tests.tills import problem


def test_stamps_fill_a_card_that_is_handed_in(till, card, ana):
    filled = till.post(f"{card}/stamps", {"count": 12})

    assert (filled.status_code, filled.json()["stampCount"]) == (201, 12)
    assert till.get(card).json()["rewardsReady"] == 1
    redeemed = till.post(f"{card}/stamps/redeem", {"reference": "S-1"})
    again = till.post(f"{card}/stamps/redeem", {"reference": "S-1"})
    assert (redeemed.status_code, redeemed.json()["stampCount"]) == (201, 2)
    assert (again.status_code, again.json()) == (200, redeemed.json())
    problem(till.post(f"{card}/stamps/redeem", {}), 409, "insufficient_stamps")


def test_an_order_stamps_once(till, card):
    body = {"orderReference": "W-1"}

    first, again = till.post(f"{card}/stamps", body), till.post(f"{card}/stamps", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    problem(till.post(f"{card}/stamps", {**body, "count": 2}), 422, "idempotency_key_reused")


def test_gap_and_daily_cap_are_kept_and_a_repeat_is_no_second_stamp(till, card, program):
    program.minutes_between_stamps, program.stamps_per_day = 10, 2
    program.save()
    body = {"orderReference": "W-1"}
    first = till.post(f"{card}/stamps", body)

    problem(till.post(f"{card}/stamps", {}), 409, "stamp_too_soon")
    assert till.post(f"{card}/stamps", body).json() == first.json()
    earlier = (timezone.now() - timedelta(days=2)).isoformat()
    assert till.post(f"{card}/stamps", {"occurredAt": earlier, "count": 2}).status_code == 201
    later = (timezone.now() - timedelta(days=2, minutes=-11)).isoformat()
    if later[:10] == earlier[:10]:
        problem(till.post(f"{card}/stamps", {"occurredAt": later}), 409, "stamp_daily_cap")


def test_stamps_are_voided_unless_they_are_spent(till, card, earn):
    entry = till.post(f"{card}/stamps", {"count": 10}).json()["id"]
    till.post(f"{card}/stamps/redeem", {})

    problem(till.post(f"{card}/stamps/void", {"entryId": entry, "reason": "x"}), 409, "stamps_spent")
    one = till.post(f"{card}/stamps", {}).json()["id"]
    first = till.post(f"{card}/stamps/void", {"entryId": one, "reason": "wrong card"})
    again = till.post(f"{card}/stamps/void", {"entryId": one, "reason": "wrong card"})
    assert (first.status_code, first.json()["stamps"]) == (201, -1)
    assert (again.status_code, again.json()) == (200, first.json())
    purchase = earn().json()["id"]
    problem(till.post(f"{card}/stamps/void", {"entryId": purchase, "reason": "x"}), 422, "not_voidable")


def test_stamps_of_another_card_are_not_there(till, card, program):
    other = till.post("cards", {"externalRef": "ben"}).json()["cardNumber"]
    entry = till.post(f"cards/{other}/stamps", {}).json()["id"]

    problem(till.post(f"{card}/stamps/void", {"entryId": entry, "reason": "x"}), 404, "not_found")
