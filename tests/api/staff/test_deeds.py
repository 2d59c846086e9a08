"""What staff do to a card."""

from datetime import timedelta

import pytest

from loyalty.models import ExpiryPolicy, LedgerEntry
from loyalty.operations import cards, expiration
from loyalty.operations.cards import CardIsReplaced
from loyalty_site.ids import new_id
from tests.cast import make_member, refused


def test_a_manager_restores_points_with_a_reason(manager, alice, buy):
    buy()

    answer = manager.post(f"cards/{alice.pk}/restore-points", {"points": 120, "reason": "Was ill"})

    assert answer.status_code == 201
    entry = answer.json()
    assert (entry["entryType"], entry["points"], entry["pointsBalance"]) == ("admin_adjustment", 120, 165)
    assert (entry["description"], entry["actorId"]) == ("Was ill", str(manager.user.pk))
    before = alice.last_activity_at
    alice.refresh_from_db()
    assert alice.points_balance == 165
    assert alice.last_activity_at > before


def test_a_restore_with_an_entry_gives_back_no_more_than_it_took(manager, alice, program, buy, noon):
    program.expiry_policy, program.points_valid_days = ExpiryPolicy.LOTS, 30
    program.save()
    alice.program = program
    buy(member=alice)
    expiration.expire(programs=[program], at=noon + timedelta(days=31), run_id=new_id())
    [expiry] = LedgerEntry.objects.filter(member=alice, type="points_expired")
    body = {"reason": "Was ill", "entryId": str(expiry.pk)}

    too_much = manager.post(f"cards/{alice.pk}/restore-points", {**body, "points": 46})
    all_of_it = manager.post(f"cards/{alice.pk}/restore-points", {**body, "points": 45})
    again = manager.post(f"cards/{alice.pk}/restore-points", {**body, "points": 1})

    assert too_much.status_code == 409
    assert all_of_it.status_code == 201
    assert all_of_it.json()["answers"] == str(expiry.pk)
    assert again.status_code == 409


def test_a_restore_of_anything_but_an_expiry_is_refused(manager, alice, program, buy):
    earned = buy()
    bob = make_member(program, "bob")
    body = {"points": 1, "reason": "Was ill", "entryId": str(earned.pk)}

    assert manager.post(f"cards/{alice.pk}/restore-points", body).json()["code"] == "not_an_expiry"
    assert manager.post(f"cards/{bob.pk}/restore-points", body).status_code == 404


def test_a_correction_never_goes_below_zero(manager, alice, buy):
    buy()

    too_much = manager.post(f"cards/{alice.pk}/adjust-points", {"points": -46, "reason": "Typed twice"})
    all_of_it = manager.post(f"cards/{alice.pk}/adjust-points", {"points": -45, "reason": "Typed twice"})

    assert (too_much.status_code, too_much.json()["code"]) == (409, "insufficient_points")
    assert all_of_it.json()["pointsBalance"] == 0


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"reason": "x"}, "points"),
        ({"points": 5}, "reason"),
        ({"points": 5, "reason": "  "}, "reason"),
        ({"points": 0, "reason": "x"}, "points"),
        ({"points": "5", "reason": "x"}, "points"),
        ({"points": 5.5, "reason": "x"}, "points"),
        ({"points": True, "reason": "x"}, "points"),
        ({"points": 10**30, "reason": "x"}, "points"),
        ({"points": 5, "reason": "x" * 501}, "reason"),
        ({"points": 5, "reason": "a\u0007b"}, "reason"),
        ({"points": 5, "reason": "x", "entryId": "7"}, "entryId"),
        ({"points": 5, "reason": "x", "gift": 1}, "gift"),
    ],
)
def test_a_restore_that_makes_no_sense_names_the_field(manager, alice, body, attr):
    answer = manager.post(f"cards/{alice.pk}/restore-points", body)

    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == [attr]
    assert answer["Content-Type"] == "application/problem+json"


def test_a_restore_is_made_once_for_one_key(manager, alice):
    body = {"points": 50, "reason": "Was ill"}

    first = manager.post(f"cards/{alice.pk}/restore-points", body, key="k-1")
    again = manager.post(f"cards/{alice.pk}/restore-points", body, key="k-1")
    other = manager.post(f"cards/{alice.pk}/restore-points", {**body, "points": 51}, key="k-1")

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    alice.refresh_from_db()
    assert alice.points_balance == 50


def test_a_refusal_is_judged_afresh_by_the_same_key(manager, alice, buy):
    body = {"points": -10, "reason": "Typed twice"}
    refused_first = manager.post(f"cards/{alice.pk}/adjust-points", body, key="k-2")
    buy()

    answer = manager.post(f"cards/{alice.pk}/adjust-points", body, key="k-2")

    assert (refused_first.status_code, answer.status_code) == (409, 201)


def test_a_card_is_switched_off_and_on(manager, alice):
    off = manager.post(f"cards/{alice.pk}/deactivate")
    on = manager.post(f"cards/{alice.pk}/reactivate")

    assert (off.status_code, off.json()["isActive"]) == (200, False)
    assert (on.status_code, on.json()["isActive"]) == (200, True)


def test_a_replaced_card_has_a_new_number_and_the_old_one_is_refused(manager, cafe, alice):
    old = alice.card_number

    answer = manager.post(f"cards/{alice.pk}/replace", {"reason": "Lost"})

    assert answer.json()["cardNumber"] != old
    with refused(CardIsReplaced):
        cards.find(merchant=cafe, card_number=old)
