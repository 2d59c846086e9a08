"""Forgetting a person: gone from every table, and the books still balance."""

import uuid

import pytest
from django.db import connection
from django.test import Client

from loyalty.queries import reconciliation
from loyalty_site.http import keys
from loyalty_site.http.models import IdempotentAnswer, RateLimitedHour, RateWindow

PERSON = {
    "first_name": "Zerlina",
    "last_name": "Quibble",
    "email": "zerlina.quibble@example.com",
    "phone_number": "+352621987654",
    "external_ref": "CUST-778899",
    "push_token": "push-zerlina-token",
}


def tables_with(*texts: str) -> dict[str, list[str]]:
    """Every table and, for each text found anywhere in a row of it, the text."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for text in texts:
                cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE t::text ILIKE %s', [f"%{text}%"])
                if cursor.fetchone()[0]:
                    found.setdefault(table, []).append(text)
    return found


@pytest.fixture
def till(counter, noon):
    _, text = keys.make(merchant=counter.merchant, store=counter, name="till", scopes=["store"], at=noon)
    return Client(headers={"Authorization": f"Api-Key {text}"})


@pytest.fixture
def zerlina(alice):
    """Alice, under names that stand nowhere else."""
    for name, value in PERSON.items():
        setattr(alice.customer, name, value)
    alice.customer.user_id = uuid.UUID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
    alice.customer.save()
    return alice


def test_an_anonymized_person_is_gone_from_every_table(manager, till, zerlina, cafe):
    first_number = zerlina.card_number
    manager.post(f"cards/{zerlina.pk}/restore-points", {"points": 90, "reason": "Quibble was ill"}, key="restore-1")
    manager.post(f"cards/{zerlina.pk}/replace", {"reason": "Zerlina lost it"}, key="replace-1")
    zerlina.refresh_from_db()
    till.post(
        f"/api/v1/store/loyalty/cards/{zerlina.card_number}/points",
        {"amount": "4.50", "orderReference": "W-1001", "items": [{"sku": "cup", "engraving": "Zerlina"}]},
        content_type="application/json",
        headers={"Idempotency-Key": "earn-1"},
    )
    telling = [*PERSON.values(), first_number, zerlina.card_number, zerlina.referral_code, "aaaaaaaa-bbbb-4ccc"]
    assert tables_with(*telling), "the search finds what is there"

    answer = manager.post(f"cards/{zerlina.pk}/anonymize")

    assert answer.status_code == 200
    assert tables_with(*telling, "Quibble", "Zerlina") == {}
    assert answer.json()["person"]["anonymizedAt"] is not None
    assert answer.json()["isActive"] is False


def test_the_ledger_still_balances_after_an_anonymization(manager, zerlina, cafe, buy):
    buy()

    manager.post(f"cards/{zerlina.pk}/anonymize")

    zerlina.refresh_from_db()
    assert zerlina.points_balance == 45
    assert list(reconciliation.differences(cafe)) == []


def test_an_answer_about_a_forgotten_person_is_gone_and_the_change_is_not_made_again(manager, zerlina):
    body = {"points": 90, "reason": "Was ill"}
    manager.post(f"cards/{zerlina.pk}/restore-points", body, key="restore-1")
    manager.post(f"cards/{zerlina.pk}/anonymize")

    again = manager.post(f"cards/{zerlina.pk}/restore-points", body, key="restore-1")

    assert (again.status_code, again.json()["code"]) == (410, "forgotten")
    zerlina.refresh_from_db()
    assert zerlina.points_balance == 90


def test_forgetting_twice_is_once(manager, zerlina):
    first = manager.post(f"cards/{zerlina.pk}/anonymize")
    again = manager.post(f"cards/{zerlina.pk}/anonymize")

    assert (again.status_code, again.json()) == (200, first.json())


def test_a_forgotten_card_is_neither_replaced_nor_switched_on(manager, zerlina):
    manager.post(f"cards/{zerlina.pk}/anonymize")

    assert manager.post(f"cards/{zerlina.pk}/reactivate").status_code == 404
    assert manager.post(f"cards/{zerlina.pk}/replace", {"reason": "Lost"}).status_code == 404


def test_what_a_person_called_is_forgotten_under_their_own_name_too(manager, zerlina, noon):
    name = f"member:{zerlina.merchant_id}:{zerlina.customer.user_id}"
    RateWindow.objects.create(subject=name, begins_at=noon, calls=3)
    RateLimitedHour.objects.create(subject=name, begins_at=noon, calls=1)
    IdempotentAnswer.objects.create(credential=name, key="k-1", fingerprint=b"x" * 32, status=200, body='{"a": 1}')
    assert set(tables_with(name)) >= {"rate_windows", "rate_limited_hours", "idempotent_answers"}

    manager.post(f"cards/{zerlina.pk}/anonymize")

    assert tables_with(str(zerlina.customer.user_id)) == {}
    assert IdempotentAnswer.objects.get(key="k-1").body is None
