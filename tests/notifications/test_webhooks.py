"""From an event to a signed request: what is posted, to whom, and how it is signed."""

import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from loyalty.events import EntryEvent, PointsEarned, RedemptionCancelled
from loyalty_site import outbox
from loyalty_site.outbox import relay
from loyalty_site.outbox.models import OutboxEvent
from notifications.models import WebhookDelivery, WebhookEndpoint
from notifications.webhooks import claims, endpoints, payloads, replaying, signing, subscribers
from tests.cast import NOON, make_member, refused
from tests.notifications.conftest import send, the_delivery, verified
from tests.standins import Reply

pytestmark = pytest.mark.django_db


# --- What is sent ---------------------------------------------------------------------------------------------
def test_a_purchase_is_posted_signed(buy, alice, listening, receiver):
    entry = buy()
    relay()
    WebhookDelivery.objects.exclude(kind="loyalty.points_earned").delete()

    sent = send()

    [heard] = receiver.heard
    said = verified(listening[1], heard)
    assert (sent.delivered, sent.failed) == (1, 0)
    assert heard.path == "/hooks"
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["webhook-id"] == str(entry.pk)
    assert said["type"] == "loyalty.points_earned"
    assert datetime.fromisoformat(said["timestamp"]) == NOON
    assert said["data"]["member_id"] == str(alice.pk)
    assert said["data"]["points"] == 45
    delivery = the_delivery()
    assert (delivery.status, delivery.answer_status, delivery.attempts, len(delivery.log)) == ("delivered", 200, 1, 1)


def test_only_what_was_chosen_is_told(cafe, receiver, buy):
    endpoints.create(merchant=cafe, label="few", url=receiver.url, kinds=["loyalty.points_earned"], at=timezone.now())
    buy()

    relay()

    assert set(WebhookDelivery.objects.values_list("kind", flat=True)) == {"loyalty.points_earned"}


def test_an_event_no_app_knows_cannot_be_chosen(cafe, receiver):
    with refused(endpoints.UnknownKind):
        endpoints.create(merchant=cafe, label="x", url=receiver.url, kinds=["loyalty.nonsense"], at=NOON)


def test_a_merchant_hears_of_its_own_events_only(bookshop, listening):
    WebhookDelivery.objects.all().delete()
    make_member(bookshop, "other")

    relay()

    assert not WebhookDelivery.objects.exists()


def test_news_of_the_past_is_told_to_nobody(alice, endpoint, buy):
    relay()
    WebhookDelivery.objects.all().delete()

    with outbox.backfilling():
        buy()
    relay()

    assert not WebhookDelivery.objects.exists()


def test_an_endpoint_that_is_off_collects_nothing(endpoint, buy):
    endpoints.switch_off(endpoint=endpoint, at=NOON)
    buy()

    relay()

    assert not WebhookDelivery.objects.exists()


def test_hearing_again_of_an_event_writes_nothing_again(endpoint, buy, cafe):
    entry = buy()
    event = OutboxEvent.objects.get(pk=entry.pk)
    heard = outbox.PublishedEvent(event.pk, event.kind, cafe.pk, event.facts, False, NOON)

    subscribers.write_deliveries([heard])
    subscribers.write_deliveries([heard])

    assert WebhookDelivery.objects.count() == 1


def test_a_batch_costs_two_queries_however_many_events(endpoint, cafe, django_assert_num_queries):
    events = [
        outbox.PublishedEvent(uuid4(), "loyalty.points_earned", cafe.pk, {"points": number}, False, NOON)
        for number in range(50)
    ]

    with django_assert_num_queries(2):
        subscribers.write_deliveries(events)

    assert WebhookDelivery.objects.count() == 50


def test_words_about_a_person_are_left_out():
    facts = {
        "merchant_id": "m",
        "occurred_at": "2026-03-02T12:00:00+00:00",
        "member_id": "a",
        "reason": "Anna called",
        "invitee_email": "anna@example.com",
        "phone": "+352",
        "reward_name": "Tea",
        "code": "X",
    }

    said = json.loads(payloads.body("referrals.invite_created", facts))

    assert said["data"] == {"merchant_id": "m", "member_id": "a", "reward_name": "Tea", "code": "X"}


# --- Signatures -----------------------------------------------------------------------------------------------
def test_a_wrong_secret_does_not_verify(endpoint, receiver):
    endpoints.send_test(endpoint=endpoint, at=timezone.now())
    send()

    with pytest.raises(Exception, match="No matching signature"):
        verified(signing.new_secret()[0], receiver.heard[0])


def test_both_secrets_verify_during_a_rotation_and_one_after(listening, receiver):
    endpoint, old = listening
    new = endpoints.rotate(endpoint=endpoint, at=timezone.now())
    endpoints.send_test(endpoint=endpoint, at=timezone.now())
    send()

    assert verified(old, receiver.heard[0]) == verified(new, receiver.heard[0])

    WebhookEndpoint.objects.update(previous_secret_until=timezone.now() - timedelta(seconds=1))
    endpoints.send_test(endpoint=endpoint, at=timezone.now())
    send()
    assert verified(new, receiver.heard[1])["type"] == "webhooks.test"
    with pytest.raises(Exception, match="No matching signature"):
        verified(old, receiver.heard[1])


def test_secrets_are_kept_sealed_and_survive_a_new_secret_key(listening, receiver, settings):
    endpoint, secret = listening
    assert secret not in str(WebhookEndpoint.objects.values().get())

    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key" * 8
    endpoints.send_test(endpoint=endpoint, at=timezone.now())
    send()

    assert verified(secret, receiver.heard[0])


def test_a_secret_that_cannot_be_read_any_more_is_said_and_calls_nobody(listening, receiver, settings):
    settings.SECRET_KEY = "another key" * 8
    endpoints.send_test(endpoint=listening[0], at=timezone.now())

    send()

    assert not receiver.heard
    assert "SECRET_KEY" in the_delivery().error


# --- Tests and replays ----------------------------------------------------------------------------------------
def test_a_test_event_is_signed_and_not_tried_again(listening, receiver):
    receiver.replies = [Reply(500)]
    endpoints.send_test(endpoint=listening[0], at=timezone.now())

    send()

    assert verified(listening[1], receiver.heard[0])["type"] == "webhooks.test"
    assert the_delivery().status == "failed"


def test_an_endpoint_that_is_off_is_not_tested(endpoint):
    endpoints.switch_off(endpoint=endpoint, at=NOON)

    with refused(endpoints.EndpointIsOff):
        endpoints.send_test(endpoint=endpoint, at=NOON)


def test_a_replay_is_a_row_of_its_own_with_the_same_webhook_id(waiting, receiver):
    send()

    assert replaying.replay([waiting.pk], at=timezone.now()) == 1
    assert replaying.replay([waiting.pk], at=timezone.now()) == 0, "it is on its way already"
    send()

    assert [row.replay for row in WebhookDelivery.objects.order_by("replay")] == [0, 1]
    first, second = receiver.heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_replaying_to_an_endpoint_that_is_off_does_nothing(waiting, endpoint):
    send()
    endpoints.switch_off(endpoint=endpoint, at=NOON)

    assert replaying.replay([waiting.pk], at=NOON) == 0


def test_old_deliveries_are_deleted(waiting):
    assert claims.purge(created_before=timezone.now() - timedelta(days=30)) == 0
    assert claims.purge(created_before=timezone.now() + timedelta(seconds=1)) == 1


def test_every_event_class_that_adds_facts_is_known():
    kinds = payloads.events()

    assert kinds["loyalty.points_earned"] is PointsEarned
    assert kinds["loyalty.redemption_cancelled"] is RedemptionCancelled
    assert EntryEvent not in kinds.values()
    assert not [kind for kind in kinds if kind.startswith("tests.")]
