"""What is stored of a member, and the request to be forgotten."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.operations import anonymization, points
from loyalty_site.http.casing import camel
from loyalty_site.ids import new_id
from loyalty_site.tenants import privacy
from loyalty_site.tenants.models import ErasureRequest
from tests.callers import LOYALTY, at_the_hub, operator_of, signed_in
from tests.tills import problem


# --- Export ---------------------------------------------------------------------------------------------------
def test_an_export_has_every_table_and_nobody_else(me, ana, alice, act, counter):
    act(points.earn, store=counter, amount=Decimal("4.50"), order_reference="W-1")

    body = me.get("export").json()

    assert set(body) == {"exportedAt", "tables"}
    assert set(body["tables"]) == {camel(keeper.table) for keeper in privacy.keepers()}
    assert body["tables"]["customers"][0]["email"] == "ana@example.com"
    assert body["tables"]["loyaltyLedgerEntries"][0]["orderReference"] == "W-1"
    assert "alice" not in str(body)
    assert str(alice.pk) not in str(body)


def test_an_export_is_as_many_statements_however_many_rows_there_are(me, act, counter):
    def counted():
        with CaptureQueriesContext(connection) as queries:
            me.get("export")
        return len(queries)

    few = counted()
    for number in range(20):
        act(points.earn, store=counter, amount=Decimal("4.50"), order_reference=f"W-{number}")

    assert counted() == few


def test_an_operator_exports_nobody(cafe):
    problem(operator_of(cafe).get("export"), 403, "wrong_scope")


# --- Erase ----------------------------------------------------------------------------------------------------
def test_a_request_to_be_forgotten_is_noted_with_a_deadline_and_erases_nothing_yet(me, ana):
    response = me.post("erase")

    assert response.status_code == 202
    body = response.json()
    row = ErasureRequest.objects.get()
    assert body.keys() == {"id", "requestedAt", "dueAt"}
    assert (body["id"], row.customer, row.merchant_id) == (str(row.pk), ana.customer, ana.merchant_id)
    asked, due = (datetime.fromisoformat(body[name]) for name in ("requestedAt", "dueAt"))
    assert due - asked == timedelta(days=30)
    ana.customer.refresh_from_db()
    assert ana.customer.anonymized_at is None


def test_one_request_is_open_at_a_time(me):
    first, again = me.post("erase"), me.post("erase", key="k")

    assert again.status_code == 200
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()
    assert ErasureRequest.objects.count() == 1


def test_the_same_key_is_answered_the_same(me):
    first, again = (me.post("erase", key="once") for _ in range(2))

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.content == again.content


def test_forgetting_the_person_closes_the_request(me, ana):
    me.post("erase")

    anonymization.anonymize(member=ana, at=timezone.now())

    assert ErasureRequest.objects.get().done_at is not None


def test_whoever_asks_again_after_that_is_somebody_new(me, ana, cafe):
    me.post("erase")
    anonymization.anonymize(member=ana, at=timezone.now())

    stranger = signed_in(cafe, new_id())

    assert stranger.post("erase").status_code == 202
    assert ErasureRequest.objects.count() == 2


@pytest.mark.parametrize("body", [{"reason": "x"}, []])
def test_nothing_needs_to_be_said(me, body):
    response = me.client.post(f"{LOYALTY}erase", body or "[]", content_type="application/json")

    assert response.status_code == 400
    assert not ErasureRequest.objects.exists()


def test_a_browser_must_bring_the_csrf_token(ana):
    browser = at_the_hub(ana, enforce_csrf_checks=True)

    refused = browser.post(f"{LOYALTY}erase", {}, content_type="application/json")
    browser.cookies["csrftoken"] = "a" * 32
    granted = browser.post(f"{LOYALTY}erase", {}, content_type="application/json", headers={"X-CSRFToken": "a" * 32})

    problem(refused, 403, "csrf_failed")
    assert granted.status_code == 202


def test_it_is_at_most_six_queries_from_the_hub_with_a_key(ana):
    browser = at_the_hub(ana)
    with CaptureQueriesContext(connection) as queries:
        browser.post(f"{LOYALTY}erase", {}, content_type="application/json", headers={"Idempotency-Key": "k"})

    sent = [each["sql"] for each in queries if not each["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(sent) <= 6, sent
