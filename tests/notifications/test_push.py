"""Pushes to apps and to browsers, at servers that check what they are given."""

import json
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from py_vapid import Vapid02
from py_vapid.utils import b64urlencode

from loyalty_site.tenants.models import Customer
from notifications import dispatch
from notifications.channels import webpush
from notifications.channels.base import ChannelDown, Outgoing, Result
from notifications.channels.fcm import FcmChannel
from notifications.channels.push import PushChannel
from notifications.channels.webpush import BadSubscription, WebPushChannel
from notifications.models import Delivery, Message, Suppression
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage
from tests.cast import NOON
from tests.providers import Fcm, PushService, as_json
from tests.standins import Reply


def a_push(address, **more):
    given = {"subject": "Tea is ready", "text": "Come by", "link": "https://loyalty.example/account/loyalty", **more}
    return Outgoing(delivery_id=uuid4(), merchant_id=uuid4(), address=address, code="loyalty_reward_ready", **given)


# --- To apps --------------------------------------------------------------------------------------------------
@pytest.fixture
def fcm(settings):
    fcm = Fcm()
    settings.FCM_URL, settings.FCM_CREDENTIALS = fcm.url, fcm.credentials
    yield fcm
    fcm.close()


def test_a_push_reaches_the_app(fcm):
    push = a_push("device-1")

    [outcome] = FcmChannel().send([push])

    [message] = fcm.pushes
    assert outcome.result == Result.SENT
    assert outcome.provider_id.startswith("projects/cafe-app/messages/")
    assert message["notification"] == {"title": "Tea is ready", "body": "Come by"}
    assert message["data"]["link"] == push.link
    assert all(isinstance(value, str) for value in message["data"].values())


def test_one_access_token_serves_many_pushes_and_batches(fcm):
    channel = FcmChannel()
    for _ in range(3):
        outcomes = channel.send([a_push(f"device-{n}") for n in range(20)])
        assert {outcome.result for outcome in outcomes} == {Result.SENT}

    assert len(fcm.tokens) == 1
    assert len(fcm.pushes) == 60


def test_a_token_that_was_taken_back_is_replaced_once(fcm):
    channel = FcmChannel()
    channel.send([a_push("device-1")])
    fcm.valid.clear()

    [outcome] = channel.send([a_push("device-1")])

    assert outcome.result == Result.SENT
    assert len(fcm.tokens) == 2


@pytest.mark.parametrize(
    ("error", "is_dead"),
    [
        ((404, "UNREGISTERED", "Requested entity was not found."), True),
        # Credentials of another project say so of every device: none is forgotten for it.
        ((403, "SENDER_ID_MISMATCH", "SenderId mismatch"), False),
        ((400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"), True),
        ((400, "INVALID_ARGUMENT", "Message is too big"), False),
    ],
)
def test_a_device_that_is_gone_is_told_from_a_push_that_is_wrong(fcm, error, is_dead):
    fcm.errors["device-2"] = error

    outcomes = FcmChannel().send([a_push("device-1"), a_push("device-2"), a_push("device-3")])

    assert [outcome.result for outcome in outcomes] == [Result.SENT, Result.REFUSED, Result.SENT]
    assert outcomes[1].address_is_dead is is_dead


@pytest.mark.parametrize("reply", [Reply(429, headers={"Retry-After": "90"}), Reply(503), Reply(500, b"oops")])
def test_a_busy_service_is_tried_again(fcm, reply):
    channel = FcmChannel()
    channel.send([a_push("device-1")])
    fcm.replies = [reply]

    [outcome] = channel.send([a_push("device-1")])

    assert (outcome.result, outcome.is_busy) == (Result.DEFERRED, True)
    assert outcome.retry_after == (90 if reply.status == 429 else None)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(resets=True),
        Reply(garbage=b"nonsense\r\n\r\n"),
        Reply(200, b"<html>Log in</html>"),
        as_json({"error": {"status": "PERMISSION_DENIED"}}, 403),
        as_json({"error": "invalid_grant"}, 400),
    ],
    ids=["reset", "garbage", "html", "rights", "grant"],
)
@pytest.mark.parametrize("is_token", [True, False], ids=["token", "push"])
def test_a_service_that_is_not_there_is_asked_once(fcm, reply, is_token):
    channel = FcmChannel()
    if not is_token:
        channel.send([a_push("device-1")])
    so_far = len(fcm.heard)
    fcm.usual = lambda heard: reply

    with pytest.raises(ChannelDown):
        channel.send([a_push(f"device-{n}") for n in range(5)])

    assert len(fcm.heard) == so_far + 1


@pytest.mark.parametrize("credentials", ["", "{}", "no json", '{"project_id": "x"}', "[]", "null"])
def test_without_good_credentials_it_is_off(settings, credentials):
    settings.FCM_CREDENTIALS = credentials

    assert not FcmChannel().is_on()


def told(command):
    """What a command prints."""
    out = StringIO()
    call_command(command, format="json", stdout=out)
    return json.loads(out.getvalue())


# --- To browsers ----------------------------------------------------------------------------------------------
@pytest.fixture
def service(settings, own_network):
    service = PushService()
    vapid = Vapid02()
    vapid.generate_keys()
    raw = vapid.private_key.private_numbers().private_value.to_bytes(32, "big")
    settings.WEBPUSH_PRIVATE_KEY, settings.WEBPUSH_CONTACT = b64urlencode(raw), "mailto:push@loyalty.example"
    yield service
    service.close()


def test_a_push_reaches_the_browser_encrypted_and_signed(service):
    [outcome] = WebPushChannel().send([a_push(service.subscription())])

    [heard] = service.heard
    assert outcome.result == Result.SENT
    assert heard.path == "/push/1"
    assert b"Tea" not in heard.body
    link = "https://loyalty.example/account/loyalty"
    assert service.read(heard) == {"title": "Tea is ready", "body": "Come by", "link": link}
    assert service.claims(heard)["sub"] == "mailto:push@loyalty.example"
    assert int(heard.headers["ttl"]) > 0


def test_a_long_push_fits_in_what_services_take(service):
    WebPushChannel().send([a_push(service.subscription(), text="点" * 1000 + "x" * 9000)])

    assert len(service.heard[0].body) <= 4096


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_dead(service, status):
    service.usual = lambda heard: Reply(status)

    [outcome] = WebPushChannel().send([a_push(service.subscription())])

    assert (outcome.result, outcome.address_is_dead) == (Result.REFUSED, True)


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (Reply(429, headers={"Retry-After": "30"}), Result.DEFERRED),
        (Reply(503), Result.DEFERRED),
        (Reply(resets=True), Result.DEFERRED),
        (Reply(garbage=b"nonsense\r\n\r\n"), Result.DEFERRED),
        (Reply(413), Result.REFUSED),
        (Reply(301, headers={"Location": "/elsewhere"}), Result.REFUSED),
    ],
)
def test_one_browsers_service_in_trouble_does_not_stop_the_others(service, reply, result):
    service.usual = lambda heard: reply if heard.path == "/push/1" else Reply(201)

    outcomes = WebPushChannel().send([a_push(service.subscription(f"/push/{n}")) for n in (1, 2)])

    assert [outcome.result for outcome in outcomes] == [result, Result.SENT]
    assert not outcomes[0].address_is_dead


def test_a_subscription_that_leads_inside_is_never_called(service, settings):
    settings.OUTBOUND_ALLOW_PRIVATE = False

    [outcome] = WebPushChannel().send([a_push(service.subscription())])

    assert (outcome.result, outcome.address_is_dead) == (Result.REFUSED, True)
    assert not service.heard


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "null",
        "[1]",
        "{",
        '{"endpoint": "https://push.example/1"}',
        '{"endpoint": "https://push.example/1", "keys": {"p256dh": "", "auth": "x"}}',
        '{"endpoint": 5, "keys": {"p256dh": "x", "auth": "x"}}',
        '{"endpoint": "http://push.example/1", "keys": {"p256dh": "x", "auth": "x"}}',
        '{"endpoint": "https://127.0.0.1/1", "keys": {"p256dh": "x", "auth": "x"}}',
    ],
)
def test_what_is_no_subscription_is_refused(text):
    with pytest.raises(BadSubscription):
        webpush.subscription(text)


def test_keys_that_are_none_are_refused(service):
    broken = json.loads(service.subscription())
    broken["keys"]["p256dh"] = "AAAA"

    [outcome] = WebPushChannel().send([a_push(json.dumps(broken))])

    assert outcome.result == Result.REFUSED


def test_without_a_key_browsers_are_off_and_it_is_said(settings):
    settings.WEBPUSH_PRIVATE_KEY = ""
    assert "WEBPUSH_PRIVATE_KEY" in webpush.why_off()

    settings.WEBPUSH_PRIVATE_KEY, settings.WEBPUSH_CONTACT = "nonsense", "mailto:a@b.example"
    assert "not a VAPID key" in webpush.why_off()


def test_the_key_for_browsers_is_that_of_the_signature(service, settings):
    WebPushChannel().send([a_push(service.subscription())])

    assert service.heard[0].headers["authorization"].endswith(f"k={told('webpush_keys')['public_key']}")


# --- Both -----------------------------------------------------------------------------------------------------
def test_a_new_key_can_be_made(settings):
    settings.WEBPUSH_PRIVATE_KEY = ""
    made = told("webpush_keys")

    settings.WEBPUSH_PRIVATE_KEY, settings.WEBPUSH_CONTACT = made["WEBPUSH_PRIVATE_KEY"], "mailto:a@b.example"
    assert webpush.why_off() == ""
    assert told("webpush_keys") == {"public_key": made["public_key"]}


def test_each_address_goes_where_it_belongs(fcm, service):
    outcomes = PushChannel().send([a_push("device-1"), a_push(service.subscription()), a_push("device-2")])

    assert [outcome.result for outcome in outcomes] == [Result.SENT] * 3
    assert [push["token"] for push in fcm.pushes] == ["device-1", "device-2"]
    assert len(service.heard) == 1


def test_an_app_service_that_is_down_does_not_undo_what_browsers_got(fcm, service):
    fcm.usual = lambda heard: Reply(resets=True)

    outcomes = PushChannel().send([a_push("device-1"), a_push(service.subscription())])

    assert [outcome.result for outcome in outcomes] == [Result.DEFERRED, Result.SENT]
    with pytest.raises(ChannelDown):
        PushChannel().send([a_push("device-1")])


def test_with_one_of_them_off_the_other_goes_on(fcm, settings):
    settings.WEBPUSH_PRIVATE_KEY = ""

    outcomes = PushChannel().send([a_push("device-1"), a_push('{"endpoint": "https://push.example/"}')])

    assert [outcome.result for outcome in outcomes] == [Result.SENT, Result.REFUSED]


def test_a_device_that_is_gone_is_forgotten(fcm, alice, settings):
    Customer.objects.filter(pk=alice.customer_id).update(push_token="device-1")
    fcm.errors["device-1"] = (404, "UNREGISTERED", "Requested entity was not found.")
    message = NewMessage(
        merchant_id=alice.merchant_id,
        member_id=alice.pk,
        customer_id=alice.customer_id,
        code="loyalty_reward_ready",
        key="one",
        channels=["push"],
        variables={"reward": "Tea", "stamps": 10},
    )
    queueing.queue([message], at=NOON)

    dispatch.dispatch(clock=lambda: NOON)

    assert Customer.objects.get(pk=alice.customer_id).push_token == ""
    assert (Message.objects.get().status, Delivery.objects.get().status) == ("failed", "failed")
    assert Suppression.objects.get().address == "device-1"
