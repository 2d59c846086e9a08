"""What an endpoint answers, and what becomes of the delivery and of the endpoint."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from loyalty_site.tenants.models import Role, User
from notifications import dispatch
from notifications.models import Message, WebhookDelivery, WebhookEndpoint
from notifications.webhooks import claims, endpoints, schedule
from tests import smtp_sink
from tests.cast import NOON
from tests.console.world import make_user
from tests.notifications.conftest import send, the_delivery, verified, waits_are_over
from tests.standins import Reply

pytestmark = pytest.mark.django_db


# --- Failures -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("reply", "status", "said"),
    [
        (Reply(500), 500, "Answered 500"),
        (Reply(404), 404, "Answered 404"),
        (Reply(302, headers={"Location": "/elsewhere"}), 302, "redirect"),
        (Reply(resets=True), None, "Error"),
        (Reply(garbage=b"\x00\xff nonsense\r\n\r\n"), None, "Error"),
    ],
    ids=["500", "404", "redirect", "reset", "garbage"],
)
def test_whatever_is_not_2xx_is_tried_again(waiting, receiver, reply, status, said):
    receiver.replies = [reply]

    send()

    delivery = the_delivery()
    assert len(receiver.heard) == 1
    assert (delivery.status, delivery.answer_status, delivery.attempts) == ("pending", status, 1)
    assert said in delivery.error
    wait = delivery.next_attempt_at - timezone.now()
    assert timedelta(seconds=3) < wait <= timedelta(seconds=6)


def test_the_webhook_id_is_the_same_over_retries_and_the_body_too(waiting, listening, receiver):
    receiver.replies = [Reply(500), Reply(503), Reply(204, b"")]
    for _ in range(3):
        send()
        waits_are_over()

    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    assert len({heard.body for heard in receiver.heard}) == 1
    assert all(verified(listening[1], heard) for heard in receiver.heard)
    delivery = the_delivery()
    assert delivery.status == "delivered"
    assert [line["status"] for line in delivery.log] == [500, 503, 204]


def test_the_waits_are_those_of_the_standard():
    failed = schedule.Attempt(at=NOON, milliseconds=1, status=500)
    seconds = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]

    for number, wait in enumerate(seconds, start=1):
        again = schedule.next_attempt(failed, number)
        assert wait <= (again - NOON).total_seconds() <= wait * 1.2

    assert schedule.next_attempt(failed, 10) is None


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [("600", 600, 600), ("1", 5, 6), ("999999999", 86400, 86400), ("-5", 5, 6), ("soon", 5, 6), ("", 5, 6)],
)
def test_retry_after_is_honoured_within_bounds(waiting, receiver, asked, least, most):
    receiver.replies = [Reply(429, headers={"Retry-After": asked})]

    send()

    wait = (the_delivery().next_attempt_at - timezone.now()).total_seconds()
    assert least - 2 <= wait <= most + 1


def test_a_date_in_retry_after_is_understood(waiting, receiver):
    moment = datetime.now(UTC) + timedelta(hours=1)
    receiver.replies = [Reply(503, headers={"Retry-After": f"{moment:%a, %d %b %Y %H:%M:%S} GMT"})]

    send()

    assert abs((the_delivery().next_attempt_at - moment).total_seconds()) < 5


@pytest.mark.parametrize(
    "asked",
    ["Mon, 99999999999 Jan 2026 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +9999999999999", "1" * 5000, "-1", "٣"],
)
def test_a_receiver_that_answers_nonsense_spoils_nobody_elses_delivery(cafe, waiting, receiver, asked):
    other, _ = endpoints.create(merchant=cafe, label="fine", url=f"{receiver.url}/fine", at=timezone.now())
    endpoints.send_test(endpoint=other, at=timezone.now())
    odd = Reply(503, headers={"Retry-After": asked.encode().decode("latin-1")})
    receiver.usual = lambda heard: Reply() if heard.path == "/fine" else odd

    sent = send()

    assert (sent.delivered, sent.failed) == (1, 1)
    delivery = WebhookDelivery.objects.get(pk=waiting.pk)
    assert (delivery.status, delivery.answer_status) == ("pending", 503)
    assert delivery.next_attempt_at - timezone.now() < timedelta(seconds=10)


def test_a_slow_drip_does_not_hold_the_sender(waiting, receiver):
    receiver.replies = [Reply(body=b"x" * 100, drip=0.1)]

    send(seconds=0.5)

    delivery = the_delivery()
    assert delivery.status == "pending"
    assert "0.5 seconds" in delivery.error
    assert delivery.log[0]["milliseconds"] < 3000


def test_410_switches_the_endpoint_off(waiting, receiver, endpoint):
    receiver.replies = [Reply(410)]

    send()

    endpoint.refresh_from_db()
    assert (the_delivery().status, endpoint.is_active, endpoint.disabled_reason) == ("failed", False, "gone")


def test_after_the_last_attempt_the_endpoint_is_off(waiting, receiver, endpoint):
    receiver.usual = lambda heard: Reply(500)
    for number in range(1, 11):
        assert the_delivery().attempts == number - 1
        send()
        waits_are_over()

    endpoint.refresh_from_db()
    assert (the_delivery().status, the_delivery().attempts) == ("failed", 10)
    assert (endpoint.is_active, endpoint.disabled_reason) == (False, "failing")
    assert len(receiver.heard) == 10


def test_one_event_that_cannot_be_taken_does_not_end_what_works(waiting, receiver, endpoint):
    receiver.usual = lambda heard: Reply(500 if b"points_earned" in heard.body else 200)
    for _ in range(10):
        send()
        waits_are_over()
        endpoints.send_test(endpoint=endpoint, at=timezone.now())
        send()

    endpoint.refresh_from_db()
    assert WebhookDelivery.objects.get(pk=waiting.pk).status == "failed"
    assert endpoint.is_active


def test_what_waits_for_an_endpoint_that_is_off_goes_when_it_is_on_again(waiting, receiver, endpoint):
    endpoints.switch_off(endpoint=endpoint, at=NOON)
    send()
    assert not receiver.heard

    endpoints.switch_on(endpoint=endpoint, at=NOON)
    send()

    assert the_delivery().status == "delivered"


def test_what_was_to_wait_for_hours_goes_when_the_endpoint_is_on_again(waiting, receiver, endpoint):
    receiver.replies = [Reply(500, headers={"Retry-After": "36000"})]
    send()
    endpoints.switch_off(endpoint=endpoint, at=timezone.now())

    endpoints.switch_on(endpoint=endpoint, at=timezone.now())
    send()

    assert the_delivery().status == "delivered"


def test_a_sender_that_lost_its_lease_writes_nothing(waiting, endpoint):
    [first] = claims.claim(failing=False, busy=[], places=5, each=5, at=timezone.now())
    waits_are_over()
    [second] = claims.claim(failing=False, busy=[], places=5, each=5, at=timezone.now())

    claims.record([(first, schedule.Attempt(at=NOON, milliseconds=1, status=410))])

    endpoint.refresh_from_db()
    assert (first.number, second.number) == (1, 2)
    assert (the_delivery().status, endpoint.is_active) == ("pending", True)


# --- Fairness -------------------------------------------------------------------------------------------------
def test_an_endpoint_that_fails_has_one_attempt_under_way_and_the_others_their_places(cafe, endpoint, receiver):
    other, _ = endpoints.create(merchant=cafe, label="dead", url=f"{receiver.url}/dead", at=NOON)
    WebhookEndpoint.objects.filter(pk=other.pk).update(failing_since=NOON)
    for _ in range(20):
        for each in (endpoint, other):
            endpoints.send_test(endpoint=each, at=NOON)

    working = claims.claim(failing=False, busy=[], places=24, each=8, at=timezone.now())
    failing = claims.claim(failing=True, busy=[], places=8, each=1, at=timezone.now())
    busy = claims.claim(failing=False, busy=[endpoint.pk], places=24, each=8, at=timezone.now())

    assert [claim.endpoint.pk for claim in working] == [endpoint.pk] * 8
    assert [claim.endpoint.pk for claim in failing] == [other.pk]
    assert busy == []


def test_endpoints_are_served_in_turn(cafe, receiver):
    made = [endpoints.create(merchant=cafe, label=str(n), url=receiver.url, at=NOON)[0] for n in range(3)]
    for number, each in enumerate(made):
        WebhookEndpoint.objects.filter(pk=each.pk).update(last_attempt_at=NOON - timedelta(minutes=number))
        endpoints.send_test(endpoint=each, at=NOON)

    order = [claims.claim(failing=False, busy=[], places=1, each=1, at=timezone.now())[0].endpoint.pk for _ in range(3)]

    assert order == [each.pk for each in reversed(made)]


# --- Telling the merchant -------------------------------------------------------------------------------------
@pytest.mark.parametrize(("status", "said"), [(410, "(410)"), (500, "took no event")])
def test_the_owners_are_told_that_an_endpoint_is_off(waiting, receiver, cafe, bookshop, mail, status, said):
    make_user("owner@cafe.example", role=Role.OWNER, merchant=cafe)
    make_user("second@cafe.example", role=Role.OWNER, merchant=cafe)
    make_user("manager@cafe.example", role=Role.MANAGER, merchant=cafe)
    make_user("owner@bookshop.example", role=Role.OWNER, merchant=bookshop.merchant)
    left = make_user("left@cafe.example", role=Role.OWNER, merchant=cafe)
    User.objects.filter(pk=left.pk).update(is_active=False)
    WebhookDelivery.objects.update(attempts=9)
    receiver.usual = lambda heard: Reply(status)

    send()
    messages = Message.objects.filter(code="webhook_endpoint_off")
    assert {message.recipient for message in messages} == {"owner@cafe.example", "second@cafe.example"}

    dispatch.dispatch()
    assert set(messages.values_list("status", flat=True)) == {"sent"}
    text = smtp_sink.body(mail.to("owner@cafe.example")[0])
    endpoint = WebhookEndpoint.objects.get()
    assert said in " ".join(text.split())
    assert f"https://loyalty.example/admin/notifications/webhookendpoint/{endpoint.pk}/change/" in text
    assert endpoint.url not in text
