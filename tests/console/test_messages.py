"""The console's pages of messages."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from loyalty_site.tenants.models import Role
from notifications import dispatch
from notifications.models import Delivery, Message, Suppression


@pytest.fixture
def sent(ours):
    return Delivery.objects.filter(merchant=ours.merchant).order_by("id").first()


def key_of(page):
    return re.search(r'name="key" value="([0-9a-f]{32})"', page.content.decode()).group(1)


def test_the_log_is_searched_by_the_whole_address_in_any_case(owner, sent, ours):
    address = reverse("admin:notifications_delivery_changelist")

    found = owner.get(address, {"q": f"  {sent.recipient.upper()} "})
    part = owner.get(address, {"q": sent.recipient[:8]})

    assert sent.recipient in found.content.decode()
    assert ours.members[1].customer.email not in found.content.decode()
    assert sent.recipient not in part.content.decode()


@pytest.mark.parametrize(
    "filters",
    [
        {"code": "loyalty_points_expired"},
        {"status__exact": "sent"},
        {"channel__exact": "email"},
        {"locale": "de"},
        {"is_uncertain__exact": "1"},
    ],
)
def test_the_log_has_its_filters(owner, sent, filters):
    assert owner.get(reverse("admin:notifications_delivery_changelist"), filters).status_code == 200


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize(
    ("end", "days", "hour", "found"),
    [
        ("from", 0, "", True),
        ("to", 0, "", True),
        ("from", 1, "", False),
        ("to", -1, "", False),
        ("from", 0, "23:59:59", False),
        ("to", 0, "00:00:00", False),
        ("from", -1, "23:59", True),
        ("to", 1, "00:00:00", True),
    ],
)
def test_the_log_is_filtered_by_days_and_times(owner, sent, language, end, days, hour, found):
    noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    Delivery.objects.update(created_at=noon)
    day = noon + timedelta(days=days)
    # As the calendar of the page writes it, and as an address that was kept has it.
    for text in (f"{day:%Y-%m-%d}", f"{day:%d.%m.%Y}" if language == "de" else f"{day:%d/%m/%Y}"):
        filters = {f"created_at_{end}_0": text, f"created_at_{end}_1": hour}
        page = owner.get(
            reverse("admin:notifications_delivery_changelist"), filters, headers={"Accept-Language": language}
        )
        assert page.status_code == 200
        assert (sent.recipient in page.content.decode()) is found


@pytest.mark.parametrize(("day", "hour"), [("soon", ""), ("2026-02-30", ""), ("", "12:00"), ("2026-01-01", "25:00")])
def test_what_is_no_day_is_said_and_filters_nothing(owner, sent, day, hour):
    page = owner.get(
        reverse("admin:notifications_delivery_changelist"), {"created_at_from_0": day, "created_at_from_1": hour}
    )

    text = page.content.decode()
    assert sent.recipient in text
    assert text.count("This is no day and time") == 1


def test_sending_again_queues_one_message_however_often_the_form_is_sent(owner, sent, mail):
    address = reverse("admin:notifications_delivery_again", args=[sent.pk])
    key = key_of(owner.get(address))
    Message.objects.filter(pk=sent.message_id).update(variables={"points": 7})

    for _ in range(2):
        assert owner.post(address, {"key": key}).status_code == 302

    [again] = Message.objects.filter(key__startswith=f"again:{sent.message_id}")
    assert (again.status, again.customer_id, again.variables) == ("queued", sent.customer_id, {"points": 7})
    assert LogEntry.objects.filter(object_id=str(sent.pk)).count() == 1
    dispatch.dispatch()
    assert sent.recipient in mail.recipients


def test_a_forgotten_person_is_not_written_to_again(owner, sent):
    sent.customer.anonymized_at = sent.created_at
    sent.customer.save()
    address = reverse("admin:notifications_delivery_again", args=[sent.pk])

    page = owner.post(address, {"key": key_of(owner.get(address))})

    assert "The person has been forgotten." in page.content.decode()
    assert not Message.objects.filter(key__startswith="again").exists()


def test_an_address_is_lifted_with_a_reason_and_who_did_it(owner, ours):
    suppressed = Suppression.objects.get(merchant=ours.merchant)
    address = reverse("admin:notifications_suppression_lift", args=[suppressed.pk])
    key = key_of(owner.get(address))

    assert owner.post(address, {"key": key, "reason": ""}).status_code == 200
    assert owner.post(address, {"key": key, "reason": "A new mailbox"}).status_code == 302

    suppressed.refresh_from_db()
    assert (suppressed.lifted_because, suppressed.lifted_by) == ("A new mailbox", ours.staff[Role.OWNER])
    again = owner.post(address, {"key": key, "reason": "Twice"}, follow=True)
    assert "nothing to do here any more" in again.content.decode()
    assert suppressed.address not in LogEntry.objects.get(object_id=str(suppressed.pk)).object_repr


@pytest.mark.parametrize(("role", "may_look", "may_do"), [(Role.MANAGER, True, True), (Role.ANALYST, True, False),
                                                          (Role.CASHIER, False, False)])  # fmt: skip
def test_who_may_look_and_who_may_do(client, ours, sent, role, may_look, may_do):
    client.force_login(ours.staff[role], backend="django.contrib.auth.backends.ModelBackend")

    looked = client.get(reverse("admin:notifications_delivery_changelist")).status_code
    did = client.get(reverse("admin:notifications_delivery_again", args=[sent.pk])).status_code

    assert looked == (200 if may_look else 403)
    assert did == (200 if may_do else 403 if may_look else 404)


def test_the_list_of_messages_says_what_failed_today(owner, ours, theirs):
    from django.utils import timezone

    Message.objects.update(status="failed", finished_at=timezone.now())

    page = owner.get(reverse("admin:notifications_message_changelist")).content.decode()

    assert "2 of 2 failed in 24 hours" in page


# --- Many at once ---------------------------------------------------------------------------------------------
LOG = "/admin/notifications/delivery/"


def send_again(browser, rows, key):
    chosen = [str(row.pk) for row in rows]
    return browser.post(LOG, {"action": "send_again", "_selected_action": chosen, "key": key}, follow=True)


def queued_again():
    return Message.objects.filter(key__startswith="again:").count()


def test_chosen_lines_are_sent_again_once_however_often_the_list_is_sent(owner, ours):
    rows = list(Delivery.objects.filter(merchant=ours.merchant))
    key = key_of(owner.get(LOG))

    said = [send_again(owner, rows, key).content.decode() for _ in range(2)]

    assert "2 messages will be sent again." in said[0]
    assert "0 messages will be sent again." in said[1]
    assert queued_again() == len(rows) == 2
    assert LogEntry.objects.filter(object_id__in=[str(row.pk) for row in rows]).count() == 2
    send_again(owner, rows, key_of(owner.get(LOG)))
    assert queued_again() == 4


def test_one_that_cannot_go_again_keeps_nobody_else_waiting(owner, ours):
    rows = list(Delivery.objects.filter(merchant=ours.merchant).order_by("pk"))
    Message.objects.filter(pk=rows[0].message_id).update(status="queued", finished_at=None)

    said = send_again(owner, rows, key_of(owner.get(LOG))).content.decode()

    assert "It is still waiting to be sent." in said
    assert "1 message will be sent again." in said


@pytest.mark.parametrize("key", ["", "x" * 32, "a" * 33])
def test_a_list_without_its_key_sends_nothing(owner, ours, key):
    assert (
        "Nothing was sent." in send_again(owner, Delivery.objects.filter(merchant=ours.merchant), key).content.decode()
    )
    assert queued_again() == 0


def test_lines_of_another_merchant_and_an_analysts_choice_send_nothing(owner, ours, theirs, sign_in):
    key = key_of(owner.get(LOG))

    send_again(owner, Delivery.objects.filter(merchant=theirs.merchant), key)
    send_again(sign_in(ours.staff[Role.ANALYST]), Delivery.objects.filter(merchant=ours.merchant), key)

    assert queued_again() == 0


# --- Channels that are off ------------------------------------------------------------------------------------
PAGES = [LOG, "/admin/notifications/message/", "/admin/notifications/nudgecampaign/"]


@pytest.mark.parametrize("address", PAGES)
def test_the_lists_name_the_channels_that_have_no_credentials(owner, settings, address):
    settings.SMS_ACCOUNT = settings.FCM_CREDENTIALS = settings.WEBPUSH_PRIVATE_KEY = settings.MESSAGE_SINK = ""

    off = " ".join(owner.get(address).content.decode().split())

    assert "Text messages, Pushes to apps, Pushes to browsers </p>" in off
    assert "channels-kept" not in off


def test_a_channel_that_is_set_up_is_not_named_and_one_that_is_written_down_says_so(owner, settings, tmp_path):
    settings.SMS_ACCOUNT = settings.SMS_TOKEN = settings.SMS_FROM = "given"
    settings.FCM_CREDENTIALS = settings.WEBPUSH_PRIVATE_KEY = ""
    settings.MESSAGE_SINK = str(tmp_path)

    page = " ".join(owner.get(PAGES[1]).content.decode().split())

    assert "Text messages" not in page
    assert "Kept on this machine and sent to nobody: Pushes to apps, Pushes to browsers </p>" in page
