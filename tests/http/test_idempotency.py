"""Idempotency-Key: a change that is asked for again is answered again, and not made again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty.models import LedgerEntry
from loyalty_site.http import idempotency
from loyalty_site.http.models import IdempotentAnswer
from loyalty_site.tenants import privacy
from tests.tills import Till, problem


def test_the_same_key_and_body_is_answered_again(till, card, ana):
    body = {"count": 1}

    first, again = till.post(f"{card}/stamps", body, key="k"), till.post(f"{card}/stamps", body, key="k")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert not first.has_header("Idempotent-Replayed")
    assert again["Idempotent-Replayed"] == "true"
    assert LedgerEntry.objects.filter(member=ana).count() == 1


def test_bodies_are_compared_as_parsed(till, card):
    one = '{"amount":"1","orderReference":"W"}'
    other = '{ "order_reference": "W",\n "amount": "1" }'
    send = till.client.generic
    where = f"/api/v1/store/loyalty/{card}/points"
    first = send("POST", where, one, content_type="application/json", headers={"Idempotency-Key": "k"})
    again = send("POST", where, other, content_type="application/json", headers={"Idempotency-Key": "k"})

    assert again.content == first.content


def test_the_same_key_for_another_request_is_refused(till, card):
    till.post(f"{card}/stamps", {"count": 1}, key="k")

    problem(till.post(f"{card}/stamps", {"count": 2}, key="k"), 422, "idempotency_key_reused")
    problem(till.post(f"{card}/deactivate", {"count": 1}, key="k"), 400, "unknown_field")
    problem(till.post(f"{card}/deactivate", {}, key="k"), 422, "idempotency_key_reused")


def test_a_key_belongs_to_its_credential(till, card, cafe):
    other = Till(till.store)

    till.post(f"{card}/stamps", {}, key="k")

    assert other.post(f"{card}/stamps", {}, key="k").json()["stampCount"] == 2


def test_a_refusal_is_judged_afresh(till, card, earn):
    body = {"points": 40, "orderReference": "R"}
    problem(till.post(f"{card}/points/redeem", body, key="k"), 409, "insufficient_points")
    earn()

    assert till.post(f"{card}/points/redeem", body, key="k").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_a_key_is_printable_ascii(till, card, key):
    problem(till.post(f"{card}/stamps", {}, key=key), 400, "invalid_idempotency_key")


def test_a_key_of_255_characters_is_taken(till, card):
    assert till.post(f"{card}/stamps", {}, key="~" * 255).status_code == 201


def test_answers_are_kept_48_hours(till, card):
    till.post(f"{card}/stamps", {}, key="k")
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=47))
    assert idempotency.purge() == 0
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=49))
    assert idempotency.purge() == 1


def test_after_a_person_is_forgotten_the_answer_is_gone_and_the_change_is_not_made_again(till, card, ana):
    till.post(f"{card}/points", {"amount": "1", "orderReference": "W"}, key="k")
    privacy.forget(ana.customer, at=timezone.now())

    response = till.post(f"{card}/points", {"amount": "1", "orderReference": "W"}, key="k")

    problem(response, 410, "forgotten")
    assert LedgerEntry.objects.filter(member=ana).count() == 1


def test_the_natural_reference_holds_under_another_key(till, card):
    body = {"amount": "1", "orderReference": "W"}
    first = till.post(f"{card}/points", body, key="a")

    again = till.post(f"{card}/points", body, key="b")

    assert (again.status_code, again.json()) == (200, first.json())
    assert again["Idempotent-Replayed"] == "true"
