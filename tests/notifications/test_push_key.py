"""What a browser needs to be pushed to: the key, a place for its subscription, and a way out."""

import json

import pytest
from django.test import Client
from django.utils import timezone
from py_vapid.utils import b64urldecode

from notifications import dispatch
from notifications.models import Message
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage
from tests.callers import operator_of
from tests.notifications.test_push import service as service
from tests.notifications.test_push import told
from tests.tills import problem


def push(ana, key):
    message = NewMessage(
        merchant_id=ana.merchant_id, member_id=ana.pk, customer_id=ana.customer_id, code="loyalty_reward_ready",
        key=key, channels=["push"], variables={"reward": "Tea", "stamps": 10},
    )  # fmt: skip
    queueing.queue([message], at=timezone.now())
    dispatch.dispatch()
    return Message.objects.get(key=key).status


def test_a_browser_reads_the_key_subscribes_is_pushed_to_and_leaves(me, ana, service):
    key = me.get("preferences/push-key").json()["publicKey"]
    stored = me.put("preferences", {"pushToken": service.subscription()}).json()["pushToken"]

    assert (key, stored) == (told("webpush_keys")["public_key"], service.subscription())
    assert b64urldecode(key.encode())[0] == 4, "a point, as PushManager.subscribe wants it"
    assert len(b64urldecode(key.encode())) == 65
    assert push(ana, "one") == "sent"
    [heard] = service.heard
    assert set(service.read(heard)) == {"title", "body", "link"}
    assert heard.headers["authorization"].endswith(f"k={key}")

    me.put("preferences", {"pushToken": None})
    assert push(ana, "two") == "skipped"
    assert len(service.heard) == 1


def test_without_a_key_there_is_none(me, settings):
    settings.WEBPUSH_PRIVATE_KEY = ""

    assert me.get("preferences/push-key").json() == {"publicKey": None}


def test_it_is_for_members_and_takes_nothing(me, cafe):
    assert Client().get("/api/v1/loyalty/preferences/push-key").status_code == 401
    problem(operator_of(cafe).get("preferences/push-key"), 403, "wrong_scope")
    assert me.get("preferences/push-key?x=1").status_code == 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("p256dh", "AAAA"),
        ("p256dh", "B" * 87),
        ("p256dh", "é" * 87),
        ("p256dh", 5),
        ("auth", "AAAA"),
        ("auth", "A" * 2000),
        ("auth", None),
        ("auth", "*" * 22),
    ],
)
def test_a_subscription_whose_keys_are_none_is_refused_at_the_door(me, service, name, value):
    given = json.loads(service.subscription())
    given["keys"][name] = value

    answer = me.put("preferences", {"pushToken": json.dumps(given)})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "pushToken"


def test_a_subscription_without_its_padding_or_with_it_is_the_same(me, service):
    given = json.loads(service.subscription())
    given["keys"]["auth"] += "=="

    assert me.put("preferences", {"pushToken": json.dumps(given)}).status_code == 200
