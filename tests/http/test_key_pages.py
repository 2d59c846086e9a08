"""API keys in the console."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from loyalty_site.http import keys
from loyalty_site.http.models import ApiKey
from loyalty_site.tenants.models import Role, StaffRole, Store, User
from tests.tills import STORE

KEYS = "/admin/http/apikey/"


@pytest.fixture
def staff(cafe):
    def sign_in(role, merchant=cafe):
        user = User.objects.create_user(f"{role}@{merchant.slug}.example", "a long password")
        StaffRole.objects.create(user=user, merchant=merchant, role=role)
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def key(counter):
    return keys.make(merchant=counter.merchant, store=counter, name="till 1", scopes=["store"], at=timezone.now())


def texts_on(page):
    return re.findall(r"rk_[\w-]{20,}", page.content.decode())


def opens(text):
    return Client().get(f"{STORE}program", headers={"X-API-Key": text}).status_code == 200


def test_an_owner_makes_a_key_and_sees_it_once(staff, counter):
    owner = staff(Role.OWNER)
    form = {"merchant": counter.merchant_id, "store": counter.pk, "name": "till 1", "scopes": ["store"]}

    page = owner.post(f"{KEYS}add/", {**form, "expires_at_0": "", "expires_at_1": ""})

    [text] = texts_on(page)
    assert opens(text)
    assert "no-store" in page["Cache-Control"]
    made = ApiKey.objects.get()
    assert made.created_by.email.startswith("owner")
    for path in (KEYS, f"{KEYS}{made.pk}/change/"):
        seen = owner.get(path)
        assert seen.status_code == 200
        assert not texts_on(seen)


def test_a_key_for_the_store_door_needs_a_store(staff, cafe):
    page = staff(Role.OWNER).post(f"{KEYS}add/", {"merchant": cafe.pk, "store": "", "name": "x", "scopes": ["store"]})

    assert page.status_code == 200
    assert not ApiKey.objects.exists()


def test_a_rotated_key_is_shown_once_and_the_old_one_lives_a_day(staff, key):
    old, old_text = key

    page = staff(Role.OWNER).post(KEYS, {"action": "rotate", "_selected_action": [str(old.pk)]})

    [text] = texts_on(page)
    assert opens(text)
    assert opens(old_text)
    old.refresh_from_db()
    assert old.expires_at is not None


def test_a_revoked_key_opens_nothing(staff, key):
    staff(Role.OWNER).post(KEYS, {"action": "revoke", "_selected_action": [str(key[0].pk)]})

    assert not opens(key[1])


@pytest.mark.parametrize("role", [Role.CASHIER, Role.ANALYST, Role.MANAGER])
def test_keys_are_the_owners(staff, key, role):
    client = staff(role)

    assert client.get(KEYS).status_code == 403
    client.post(KEYS, {"action": "revoke", "_selected_action": [str(key[0].pk)]})
    assert opens(key[1])


def test_another_merchants_keys_and_stores_are_not_there(staff, key, bookshop, counter):
    owner = staff(Role.OWNER, bookshop.merchant)
    Store.objects.create(merchant=bookshop.merchant, reference="shelf", name="Shelf")

    assert "till 1" not in owner.get(KEYS).content.decode()
    assert owner.get(f"{KEYS}{key[0].pk}/change/").status_code == 404
    owner.post(KEYS, {"action": "revoke", "_selected_action": [str(key[0].pk)]})
    owner.post(KEYS, {"action": "rotate", "_selected_action": [str(key[0].pk)]})
    assert opens(key[1])
    form = {"merchant": str(bookshop.merchant_id), "store": str(counter.pk), "name": "x", "scopes": ["store"]}
    owner.post(f"{KEYS}add/", form)
    assert ApiKey.objects.count() == 1
