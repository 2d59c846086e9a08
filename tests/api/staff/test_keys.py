"""Keys over the API: a text is shown once, and nowhere kept."""

from django.db import connection
from django.test import Client

from loyalty_site.http.models import ApiKey, IdempotentAnswer


def opens(text, card):
    """Whether the key opens the store door."""
    answer = Client(headers={"X-API-Key": text}).post(
        f"/api/v1/store/loyalty/cards/{card}/points", {}, content_type="application/json"
    )
    return answer.status_code != 401


def body(counter):
    return {"merchant": "cafe", "storeId": str(counter.pk), "name": "Till 2", "scopes": ["store"]}


def test_a_new_key_opens_the_store_door_until_it_is_revoked(owner, counter, alice):
    made = owner.post("keys", body(counter))
    text = made.json()["key"]

    assert made.status_code == 201
    assert text.startswith(made.json()["beginsWith"])
    assert opens(text, alice.card_number)
    revoked = owner.post(f"keys/{made.json()['id']}/revoke")
    assert revoked.json()["revokedAt"] is not None
    assert not opens(text, alice.card_number)


def test_the_text_of_a_key_is_shown_in_one_answer_and_kept_nowhere(owner, counter):
    made = owner.post("keys", body(counter), key="k-1")
    again = owner.post("keys", body(counter), key="k-1")
    text = made.json()["key"]

    assert again.status_code == 201
    assert again.json() == made.json() | {"key": None}
    assert "key" not in owner.get(f"keys/{made.json()['id']}").json()
    assert "key" not in owner.get("keys").json()["keys"][0]
    assert ApiKey.objects.count() == 1
    assert IdempotentAnswer.objects.count() == 1
    with connection.cursor() as cursor:
        for table in ("api_keys", "idempotent_answers"):
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", [f"%{text}%"])
            assert cursor.fetchone() == (0,)


def test_a_rotated_key_lives_on_for_the_overlap(owner, counter, alice):
    old = owner.post("keys", body(counter)).json()

    new = owner.post(f"keys/{old['id']}/rotate", {"overlapHours": 1}).json()
    at_once = owner.post(f"keys/{new['id']}/rotate", {"overlapHours": 0}).json()

    assert new["replaces"] == old["id"]
    assert opens(old["key"], alice.card_number)
    assert opens(at_once["key"], alice.card_number)
    assert owner.post(f"keys/{new['id']}/rotate").json()["code"] == "key_is_dead"


def test_a_deleted_key_is_revoked_and_stays_in_the_list(owner, counter):
    made = owner.post("keys", body(counter)).json()

    assert owner.delete(f"keys/{made['id']}").status_code == 204
    assert owner.get("keys").json()["keys"][0]["revokedAt"] is not None


def test_a_key_is_renamed(owner, counter):
    made = owner.post("keys", body(counter)).json()

    assert owner.patch(f"keys/{made['id']}", {"name": "Till 3"}).json()["name"] == "Till 3"


def test_a_key_for_the_store_door_needs_a_store_of_the_merchant(owner, counter, bookshop):
    without = owner.post("keys", {**body(counter), "storeId": None})
    of_another = owner.post("keys", {**body(counter), "merchant": "bookshop"})

    assert (without.status_code, without.json()["code"]) == (422, "invalid_key")
    assert of_another.status_code == 404


def test_a_key_that_has_expired_already_is_refused(owner, counter):
    answer = owner.post("keys", {**body(counter), "expiresAt": "2020-01-01T00:00:00Z"})

    assert answer.status_code == 422
