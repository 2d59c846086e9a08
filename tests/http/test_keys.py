"""API keys: made, shown once, used, rotated, revoked."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from loyalty_site.http import keys
from loyalty_site.http.models import ApiKey
from loyalty_site.http.secrets import digest
from loyalty_site.tenants.models import Merchant, Store
from tests.cast import refused
from tests.tills import STORE


def opens(text):
    return Client().get(f"{STORE}program", headers={"X-API-Key": text}).status_code


@pytest.fixture
def made(counter):
    return keys.make(merchant=counter.merchant, store=counter, name="till", scopes=["store"], at=timezone.now())


def test_only_the_digest_of_a_key_is_kept(made):
    key, text = made

    stored = ApiKey.objects.filter(pk=key.pk).values().get()
    assert bytes(stored["digest"]) == digest(text)
    assert text not in str(stored)
    assert text.startswith(stored["hint"])
    assert len(text) > 40


def test_a_key_says_when_it_was_used_last_once_a_minute(made):
    key, text = made
    assert opens(text) == 200
    key.refresh_from_db()
    first = key.last_used_at
    assert timezone.now() - first < timedelta(minutes=1)
    opens(text)
    key.refresh_from_db()
    assert key.last_used_at == first


def test_an_expired_a_revoked_and_an_orphaned_key_open_nothing(made, counter):
    key, text = made
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert opens(text) == 401
    ApiKey.objects.filter(pk=key.pk).update(expires_at=None)
    assert opens(text) == 200
    Store.objects.update(is_active=False)
    assert opens(text) == 401
    Store.objects.update(is_active=True)
    Merchant.objects.update(is_active=False)
    assert opens(text) == 401
    Merchant.objects.update(is_active=True)
    keys.revoke(key=key, at=timezone.now())
    assert opens(text) == 401


def test_a_rotated_key_lives_on_for_the_overlap(made):
    key, text = made
    new, new_text = keys.rotate(key=key, overlap=timedelta(hours=1), at=timezone.now())

    assert (opens(text), opens(new_text)) == (200, 200)
    assert new.replaces == key
    keys.rotate(key=new, overlap=timedelta(0), at=timezone.now() - timedelta(seconds=1))
    assert opens(new_text) == 401
    with refused(keys.KeyIsDead):
        keys.rotate(key=new, overlap=timedelta(hours=1), at=timezone.now())


@pytest.mark.parametrize("scopes", [[], ["everything"]])
def test_a_key_has_scopes_that_are(counter, scopes):
    with refused(keys.InvalidKey):
        keys.make(merchant=counter.merchant, store=counter, name="x", scopes=scopes, at=timezone.now())


def test_a_key_of_the_store_door_is_of_a_store_of_the_merchant(cafe, bookshop):
    place = Store.objects.create(merchant=bookshop.merchant, reference="shelf", name="Shelf")

    with refused(keys.InvalidKey):
        keys.make(merchant=cafe, store=None, name="x", scopes=["store"], at=timezone.now())
    with refused(keys.InvalidKey):
        keys.make(merchant=cafe, store=place, name="x", scopes=["store"], at=timezone.now())


def test_the_command_makes_rotates_revokes_and_lists(own_database, manage):
    cafe = Merchant.objects.create(slug="cafe", name="Café")
    Store.objects.create(merchant=cafe, reference="counter", name="Counter")

    def command(*arguments):
        done = manage("api_key", *arguments, "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    made = command("make", "--merchant", "cafe", "--store", "counter", "--name", "till 1")
    assert made["key"].startswith("rk_")
    rotated = command("rotate", made["id"], "--overlap", "1")
    assert rotated["key"] != made["key"]
    revoked = command("revoke", rotated["id"])
    assert revoked["revoked_at"]
    listed = json.dumps(command("list", "--merchant", "cafe"))
    assert made["key"] not in listed
    assert rotated["key"] not in listed
    assert manage("api_key", "make").returncode == 2
    assert manage("api_key", "make", "--merchant", "nobody").returncode == 2
    assert manage("api_key", "revoke", str(uuid4())).returncode == 2
