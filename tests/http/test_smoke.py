import pytest
from django.test import Client
from loyalty_site.http import keys


@pytest.fixture
def till(counter, noon):
    key, text = keys.make(merchant=counter.merchant, store=counter, name="till", scopes=["store"], at=noon)
    return Client(headers={"Authorization": f"Api-Key {text}"})


def test_a_till_earns(till, alice, django_assert_num_queries):
    body = {"amount": "4.50", "orderReference": "W-1"}
    r = till.post(f"/api/v1/store/loyalty/cards/{alice.card_number}/points", body, content_type="application/json")
    print(r.status_code, r.headers, r.json())
    r2 = till.post(f"/api/v1/store/loyalty/cards/{alice.card_number}/points", body, content_type="application/json")
    print(r2.status_code, r2.headers, r2.json())
    assert r.status_code == 201
    assert r2.status_code == 200
    assert r2.json() == r.json()
    r = till.post(f"/api/v1/store/loyalty/cards/{alice.card_number}/points", {"amount": "NaN", "foo": 3}, content_type="application/json")
    print(r.status_code, r.json())
    assert r.status_code == 400
