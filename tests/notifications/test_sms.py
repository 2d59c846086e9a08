"""Text messages, at a server that answers as Twilio does."""

import hashlib
import hmac
from base64 import b64encode
from dataclasses import replace
from uuid import uuid4

import pytest
from django.test import Client

from notifications import dispatch
from notifications.channels import base, sms
from notifications.channels.base import ChannelDown, Outgoing, Result
from notifications.channels.sms import SmsChannel
from notifications.models import Delivery, Message, Suppression
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage
from tests.cast import NOON
from tests.providers import SmsProvider, as_json
from tests.standins import Reply

NUMBER = "+352621123456"


@pytest.fixture
def provider(settings):
    provider = SmsProvider()
    settings.SMS_URL, settings.SMS_ACCOUNT = provider.url, provider.account
    settings.SMS_TOKEN, settings.SMS_FROM = provider.token, provider.sender
    settings.PUBLIC_URL = "https://loyalty.example"
    yield provider
    provider.close()


def a_message(number=NUMBER, text="Your points"):
    return Outgoing(delivery_id=uuid4(), merchant_id=uuid4(), address=number, subject="", text=text)


def send(*messages):
    return SmsChannel().send(messages or [a_message()])


def test_a_message_is_handed_over(provider):
    message = a_message()

    [outcome] = send(message)

    assert outcome.result == Result.SENT
    assert outcome.provider_id.startswith("SM")
    assert provider.forms == [
        {
            "To": NUMBER,
            "From": provider.sender,
            "Body": "Your points",
            "StatusCallback": f"https://loyalty.example/sms/status/{message.delivery_id}",
        }
    ]


def test_a_messaging_service_is_named_as_such(provider, settings):
    settings.SMS_FROM = "MG" + "1" * 32

    send()

    assert provider.forms[0]["MessagingServiceSid"] == settings.SMS_FROM
    assert "From" not in provider.forms[0]


def test_a_long_text_is_cut_and_any_script_arrives(provider):
    send(a_message(text="Pünkt 点 🎁 " * 1000))

    text = provider.forms[0]["Body"]
    assert len(text) == 1600
    assert text.startswith("Pünkt 点 🎁")
    assert text.endswith("…")


def test_outcomes_stand_in_the_order_of_the_batch(provider):
    numbers = [f"+35262100{n:04d}" for n in range(40)]
    provider.errors = {numbers[3]: 21610, numbers[17]: 21617}

    outcomes = send(*map(a_message, numbers))

    refused = [place for place, outcome in enumerate(outcomes) if outcome.result == Result.REFUSED]
    assert refused == [3, 17]
    assert [outcomes[3].address_is_dead, outcomes[17].address_is_dead] == [True, False]
    assert numbers[3] not in outcomes[3].error


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (Reply(429, headers={"Retry-After": "120"}), 120),
        (Reply(503), None),
        (Reply(500, b"<html>oops</html>"), None),
    ],
)
def test_a_busy_provider_is_tried_again(provider, reply, seconds):
    provider.replies = [reply]

    [outcome] = send()

    assert (outcome.result, outcome.is_busy, outcome.retry_after) == (Result.DEFERRED, True, seconds)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(resets=True),
        Reply(garbage=b"\x16\x03\x01 nonsense"),
        Reply(200, b"<html>Please log in</html>"),
        Reply(302, headers={"Location": "https://elsewhere.example"}),
        Reply(404, b"not here"),
        Reply(200, b"[]"),
        as_json({"code": 20003, "message": "Authenticate"}, 401),
        as_json({"code": 21606, "message": "From is not yours"}, 400),
    ],
    ids=["reset", "garbage", "html", "redirect", "404", "list", "credentials", "sender"],
)
def test_a_provider_that_is_not_there_is_asked_once(provider, reply):
    provider.usual = lambda heard: reply

    with pytest.raises(ChannelDown):
        send(*[a_message() for _ in range(5)])

    assert len(provider.heard) == 1


def test_nobody_at_the_address_is_a_channel_that_is_down(provider, settings):
    settings.SMS_URL = "http://127.0.0.1:1"

    with pytest.raises(ChannelDown):
        send()


def test_where_the_provider_goes_away_what_was_sent_is_known(provider):
    provider.replies = [as_json({"sid": "SM1"}, 201)]
    provider.usual = lambda heard: Reply(resets=True)

    outcomes = send(*[a_message() for _ in range(5)])

    assert [outcome.result for outcome in outcomes] == [Result.SENT, *[Result.DEFERRED] * 4]


def test_an_id_that_cannot_be_kept_is_kept_as_far_as_it_can(provider):
    provider.replies = [as_json({"sid": "SM\x00\ud8001"}, 201), as_json({"sid": ["SM"]}, 201)]

    assert [send()[0].provider_id for _ in range(2)] == ["SM1", ""]


def test_without_credentials_the_channel_is_off(settings):
    settings.SMS_ACCOUNT = settings.MESSAGE_SINK = ""

    assert not SmsChannel().is_on()
    assert not base.adapter_for("sms").is_on()


def test_in_development_a_file_takes_its_place(settings, tmp_path):
    settings.SMS_ACCOUNT, settings.MESSAGE_SINK = "", str(tmp_path / "messages")

    [outcome] = base.adapter_for("sms").send([a_message(text="Hé")])

    assert outcome.result == Result.SENT
    assert '"text": "Hé"' in (tmp_path / "messages" / "sms.jsonl").read_text()


# --- What the provider reports --------------------------------------------------------------------------------
def signature(token, url, form):
    """As the provider's documentation has it."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def test_the_signature_is_that_of_the_providers_documentation(settings):
    """The example of www.twilio.com/docs/usage/webhooks/webhooks-security."""
    settings.SMS_TOKEN = "12345"
    url = "https://example.com/myapp.php?foo=1&bar=2"
    form = {
        "Digits": ["1234"],
        "To": ["+18005551212"],
        "From": ["+14158675310"],
        "Caller": ["+14158675310"],
        "CallSid": ["CA1234567890ABCDE"],
    }

    assert sms.is_signed("L/OH5YylLD5NRKLltdqwSvS0BnU=", url=url, form=form)
    assert not sms.is_signed("L/OH5YylLD5NRKLltdqwSvS0BnU=", url=url + "3", form=form)


@pytest.fixture
def sent(provider, alice):
    """A text message to Alice that the provider has taken."""
    alice.customer.phone_number = NUMBER
    alice.customer.save()
    message = NewMessage(
        merchant_id=alice.merchant_id,
        member_id=alice.pk,
        customer_id=alice.customer_id,
        code="loyalty_reward_ready",
        key="one",
        channels=["sms"],
        variables={"reward": "Tea", "stamps": 10},
    )
    queueing.queue([message], at=NOON)
    dispatch.dispatch(clock=lambda: NOON)
    return Delivery.objects.get()


def report(delivery_id, token=None, path=None, **form):
    path = path or f"/sms/status/{delivery_id}"
    given = {"MessageSid": "SM1", "MessageStatus": "delivered", **form}
    made = signature(token or SmsProvider.token, f"https://loyalty.example{path}", given)
    client = Client(enforce_csrf_checks=True, headers={"X-Twilio-Signature": made})
    return client.post(path, given)


def test_a_message_goes_from_the_queue_to_the_phone_and_back(sent, provider):
    assert sent.status == "sent"
    assert provider.forms[0]["To"] == NUMBER
    assert sent.provider_id

    assert report(sent.pk).status_code == 204

    sent.refresh_from_db()
    assert sent.status == "delivered"
    assert sent.delivered_at is not None


def test_a_number_that_is_dead_is_not_written_to_again(sent):
    report(sent.pk, MessageStatus="undelivered", ErrorCode="30005")

    assert Message.objects.get().status == "failed"
    [suppression] = Suppression.objects.all()
    assert (suppression.channel, suppression.address) == ("sms", NUMBER)


def test_a_phone_that_is_off_is_written_to_again(sent):
    report(sent.pk, MessageStatus="undelivered", ErrorCode="30003")

    assert Message.objects.get().status == "failed"
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("word", ["queued", "sending", "accepted", "", "nonsense"])
def test_what_says_nothing_new_changes_nothing(sent, word):
    assert report(sent.pk, MessageStatus=word).status_code == 204

    sent.refresh_from_db()
    assert sent.status == "sent"


def test_a_report_that_comes_late_does_not_go_back(sent):
    report(sent.pk)
    report(sent.pk, MessageStatus="sent")

    sent.refresh_from_db()
    assert sent.status == "delivered"


def test_a_report_with_another_signature_is_refused(sent):
    assert report(sent.pk, token="guessed").status_code == 403
    assert Client().post(f"/sms/status/{sent.pk}", {"MessageStatus": "failed"}).status_code == 403

    sent.refresh_from_db()
    assert sent.status == "sent"


@pytest.mark.parametrize("made", ["é", "\xff\x00", "=" * 9999, ""])
def test_a_signature_that_is_none_is_refused(sent, made):
    answer = Client(headers={"X-Twilio-Signature": made}).post(f"/sms/status/{sent.pk}", {"MessageStatus": "failed"})

    assert answer.status_code == 403


def test_without_a_token_nothing_is_signed(sent, settings):
    settings.SMS_TOKEN = ""
    made = signature("", f"https://loyalty.example/sms/status/{sent.pk}", {"MessageStatus": "failed"})

    answer = Client(headers={"X-Twilio-Signature": made}).post(f"/sms/status/{sent.pk}", {"MessageStatus": "failed"})

    assert answer.status_code == 403


def test_a_delivery_we_do_not_know_is_no_fault(provider, db):
    assert report(uuid4()).status_code == 204
    assert Client().get(f"/sms/status/{uuid4()}").status_code == 405


def test_a_number_that_is_none_is_refused_alone(provider):
    provider.errors = {"+352 621": 21211}

    outcomes = send(a_message("+352 621"), replace(a_message(), address=NUMBER))

    assert [outcome.result for outcome in outcomes] == [Result.REFUSED, Result.SENT]
