"""What a provider reports, by its real webhook."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from anymail.signals import AnymailTrackingEvent, EventType, RejectReason, tracking
from django.test import Client
from django.urls.base import clear_url_caches
from django.utils import timezone

from loyalty_site import urls as site
from loyalty_site.ids import new_id
from notifications import dispatch, jobs, urls
from notifications import tracking as early
from notifications.models import Delivery, EarlyReport, Message, Suppression
from notifications.queries import failures
from tests.cast import NOON
from tests.notifications.test_sending import provider as provider
from tests.notifications.test_sending import queue


@pytest.fixture
def delivered(alice, noon, mail):
    """A mail to Alice that was handed over."""
    queue(alice, at=noon)
    dispatch.dispatch(clock=lambda: noon)
    return Delivery.objects.get()


def report(delivery, kind, *, at=None, by_metadata=False, **more):
    named = {"metadata": {"delivery_id": str(delivery.pk)}} if by_metadata else {"message_id": delivery.provider_id}
    event = AnymailTrackingEvent(
        event_type=kind, timestamp=at or datetime(2026, 3, 2, 13, 0, tzinfo=UTC), esp_event={}, **named, **more
    )
    tracking.send(sender=None, event=event, esp_name="Test")
    delivery.refresh_from_db()


@pytest.mark.parametrize("by_metadata", [True, False])
def test_delivered_opened_and_clicked_are_kept_with_their_times(delivered, by_metadata):
    first = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
    for minutes, kind in enumerate((EventType.DELIVERED, EventType.OPENED, EventType.CLICKED, EventType.OPENED)):
        report(delivered, kind, at=first + timedelta(minutes=minutes), by_metadata=by_metadata)

    assert delivered.status == "clicked"
    times = (delivered.delivered_at, delivered.opened_at, delivered.clicked_at)
    assert times == tuple(first + timedelta(minutes=minutes) for minutes in range(3))
    assert not Suppression.objects.exists()


def test_reports_in_any_order_never_move_a_status_back(delivered):
    for kind in (EventType.CLICKED, EventType.DELIVERED, EventType.QUEUED, EventType.AUTORESPONDED):
        report(delivered, kind)

    assert delivered.status == "clicked"
    assert delivered.delivered_at is not None


def test_a_hard_bounce_suppresses_the_address_at_that_merchant_alone(delivered, alice, bookworm, noon, mail):
    report(delivered, EventType.BOUNCED, reject_reason=RejectReason.BOUNCED, mta_response="550 5.1.1 unknown")
    report(delivered, EventType.BOUNCED, reject_reason=RejectReason.BOUNCED, mta_response="550 5.1.1 unknown")

    assert (delivered.status, delivered.error) == ("bounced", "550 5.1.1 unknown")
    suppressed = Suppression.objects.get()
    assert (suppressed.merchant_id, suppressed.address, suppressed.reason) == (
        alice.merchant_id,
        "alice@example.com",
        "bounced",
    )
    assert Message.objects.get().status == "failed"
    bookworm.customer.email = "Alice@example.com"
    bookworm.customer.save()
    queue(alice, key="again", at=noon)
    queue(bookworm, at=noon)
    dispatch.dispatch(clock=lambda: noon)
    assert Message.objects.get(key="again").status == "suppressed"
    assert Message.objects.get(merchant=bookworm.merchant).status == "sent"


def test_a_complaint_suppresses_and_a_delay_does_not(delivered):
    report(delivered, EventType.DEFERRED, mta_response="450 later")
    assert not Suppression.objects.exists()

    report(delivered, EventType.COMPLAINED)

    assert (delivered.status, Suppression.objects.get().reason) == ("complained", "complained")


def test_a_report_on_what_is_not_ours_changes_nothing(delivered):
    event = AnymailTrackingEvent(
        event_type=EventType.BOUNCED, message_id="<unknown@x>", metadata={"delivery_id": "no uuid"}, esp_event={}
    )

    tracking.send(sender=None, event=event, esp_name="Test")

    delivered.refresh_from_db()
    assert delivered.status == "sent"


@pytest.mark.parametrize("by_metadata", [True, False])
def test_a_report_that_comes_before_the_mail_was_written_down_is_not_lost(alice, noon, provider, by_metadata):
    """Providers report within a second; a batch of fifty takes longer."""

    email = provider("email")
    answer = email.send

    def send_and_hear_at_once(batch):
        named = {"metadata": {"delivery_id": str(batch[0].delivery_id)}} if by_metadata else {"message_id": "p-1"}
        event = AnymailTrackingEvent(
            event_type=EventType.BOUNCED, timestamp=datetime.now(UTC), esp_event={}, reject_reason=RejectReason.BOUNCED,
            mta_response="550 5.1.1 <alice@example.com> unknown\0", **named,
        )  # fmt: skip
        tracking.send(sender=None, event=event, esp_name="Test")
        return answer(batch)

    email.send = send_and_hear_at_once
    queue(alice, at=noon)

    dispatch.dispatch(clock=lambda: noon)

    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.error) == ("bounced", "550 5.1.1 <<address>> unknown")
    assert Message.objects.get().status == "failed"
    assert Suppression.objects.get().address == "alice@example.com"
    assert not EarlyReport.objects.exists()


def test_reports_of_another_installations_mail_are_kept_for_a_day_at_most(delivered):
    fresh = {"status": Delivery.Status.DELIVERED, "is_hard": False, "provider_id": ""}
    for delivery_id, at in ((str(new_id()), timezone.now()), (str(uuid4()), NOON)):
        assert not early.note(delivery_id=delivery_id, at=at, **fresh)
    assert EarlyReport.objects.count() == 1, "of the second it is known that nobody has it in hand"

    jobs.purge()
    assert EarlyReport.objects.count() == 1
    EarlyReport.objects.update(created_at=timezone.now() - timedelta(days=2))
    jobs.purge()
    assert not EarlyReport.objects.exists()


def test_the_providers_webhook_is_open_only_with_its_secret(delivered, settings):
    assert urls.tracking_routes() == []
    settings.MAIL_PROVIDER = "postmark"
    assert urls.tracking_routes() == [], "without a secret anybody could report bounces"
    settings.ANYMAIL = {"WEBHOOK_SECRET": "user:pass"}
    Delivery.objects.update(provider_id="pm-1")
    # The site as it starts with these settings.
    settings.ROOT_URLCONF = type("Routes", (), {"urlpatterns": [*site.urlpatterns, *urls.tracking_routes()]})
    clear_url_caches()
    body = {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "TypeCode": 1,
        "MessageID": "pm-1",
        "BouncedAt": "2026-03-02T13:00:00Z",
        "Email": "alice@example.com",
        "Details": "smtp;550 5.1.1",
    }

    def call(**headers):
        client = Client(raise_request_exception=False, headers=headers)
        return client.post("/mail/postmark/tracking/", json.dumps(body), content_type="application/json").status_code

    try:
        assert call() == 400
        assert not Suppression.objects.exists()
        assert call(Authorization="Basic " + b64encode(b"user:pass").decode()) == 200
    finally:
        settings.ROOT_URLCONF = "loyalty_site.urls"
        clear_url_caches()
    assert Suppression.objects.get().address == "alice@example.com"


def test_the_failure_rate_alarms_past_one_percent_and_five(alice, noon):
    def messages(status, count, code="loyalty_points_expired"):
        Message.objects.bulk_create(
            Message(
                merchant=alice.merchant, code=code, kind="transactional", channels=["email"], status=status,
                key=f"{code}{status}{number}", finished_at=noon - timedelta(hours=1),
            )
            for number in range(count)
        )  # fmt: skip

    messages("sent", 495)
    messages("failed", 5)
    messages("failed", 4, "loyalty_reward_ready")
    messages("failed", 9, "referral_invite")

    found = {each.code: each for each in failures.by_template(at=noon)}

    assert set(found) == {"loyalty_points_expired", "loyalty_reward_ready"}
    assert (found["loyalty_points_expired"].ratio, found["loyalty_points_expired"].is_alarming) == (0.01, False)
    assert not found["loyalty_reward_ready"].is_alarming
    Message.objects.filter(status="sent").first().delete()
    assert failures.by_template(at=noon)[0].is_alarming
    assert failures.by_template(at=noon + timedelta(hours=24)) == []
