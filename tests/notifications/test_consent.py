"""Marketing asks first, waits for the morning, and stops at one click."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse

from loyalty.models import Program
from loyalty_site.tenants.models import Customer
from notifications import dispatch, unsubscribing
from notifications.models import Message, Preference, Withdrawal
from notifications.sending.quiet import quiet_until
from tests.notifications.test_sending import queue

OFFER = {"code": "loyalty_we_miss_you", "kind": "marketing", "variables": {"points": 5}}
LUXEMBOURG, NEW_YORK = ZoneInfo("Europe/Luxembourg"), ZoneInfo("America/New_York")


@pytest.fixture
def willing(alice):
    """Alice, who agreed to marketing."""
    alice.customer.marketing_consent = True
    alice.customer.marketing_consent_at = datetime(2026, 1, 1, tzinfo=UTC)
    alice.customer.save()
    return alice


def send(at):
    return dispatch.dispatch(clock=lambda: at)


def browser():
    return Client(enforce_csrf_checks=True, headers={"X-Forwarded-Proto": "https"})


def test_marketing_without_consent_is_not_sent_on_any_channel(alice, noon, mail):
    queue(alice, at=noon, channels=["email", "sms"], **OFFER)

    send(noon)

    message = Message.objects.get()
    assert (message.status, message.error) == ("skipped", "There is no consent to marketing messages.")
    assert not mail.mails


def test_marketing_with_consent_carries_the_way_out_and_transactional_mail_does_not(willing, noon, mail):
    queue(willing, at=noon, **OFFER)
    queue(willing, key="two", at=noon)

    send(noon)

    offer, other = sorted(mail.mails, key=lambda sent: sent["List-Unsubscribe"] is None)
    link = offer["List-Unsubscribe"].strip(" <>")
    assert link.startswith("https://loyalty.example/u/")
    assert offer["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in offer.get_body(("plain",)).get_content().replace("\r\n", "")
    assert (other["List-Unsubscribe"], other["List-Unsubscribe-Post"]) == (None, None)


def test_a_channel_switched_off_is_skipped_for_transactional_mail_too(alice, noon, mail):
    Preference.objects.create(merchant=alice.merchant, customer=alice.customer, email=False)
    queue(alice, at=noon)

    send(noon)

    assert Message.objects.get().error == "The member has switched this channel off."


def test_quiet_hours_hold_marketing_until_they_end_and_nothing_else(willing, mail):
    Customer.objects.update(time_zone="Europe/Luxembourg")
    Preference.objects.create(
        merchant=willing.merchant, customer=willing.customer, quiet_from=time(21), quiet_until=time(8)
    )
    night = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
    queue(willing, at=night, **OFFER)
    queue(willing, key="expired", at=night)

    send(night)

    held = Message.objects.get(kind="marketing")
    assert (held.status, held.attempts) == ("held", 0)
    assert held.next_attempt_at == datetime(2026, 3, 3, 7, 0, tzinfo=UTC)
    assert len(mail.mails) == 1
    assert send(held.next_attempt_at - timedelta(seconds=1)).counts["sent"] == 0
    assert send(held.next_attempt_at).counts["sent"] == 1


def test_a_time_zone_that_is_none_is_the_programs(willing, mail):
    Customer.objects.update(time_zone="Mars/Olympus Mons")
    Program.objects.update(time_zone="America/New_York")
    Preference.objects.create(
        merchant=willing.merchant, customer=willing.customer, quiet_from=time(21), quiet_until=time(8)
    )
    night = datetime(2026, 3, 3, 4, 0, tzinfo=UTC)
    queue(willing, at=night, **OFFER)

    send(night)

    assert Message.objects.get().next_attempt_at == datetime(2026, 3, 3, 13, 0, tzinfo=UTC)


def test_who_takes_consent_back_while_a_message_waits_does_not_get_it(willing, noon, mail):
    queue(willing, at=noon, **OFFER)
    Customer.objects.update(marketing_consent=False)

    send(noon)

    assert not mail.mails


@pytest.mark.parametrize(
    ("at", "zone", "begin", "end", "until"),
    [
        # By day, within, at the begin, at the end.
        ("2026-03-02T13:00Z", LUXEMBOURG, "13:00", "15:00", "2026-03-02T14:00Z"),
        ("2026-03-02T12:00Z", LUXEMBOURG, "13:00", "15:00", "2026-03-02T14:00Z"),
        ("2026-03-02T14:00Z", LUXEMBOURG, "13:00", "15:00", None),
        ("2026-03-02T11:59Z", LUXEMBOURG, "13:00", "15:00", None),
        # Past midnight, before and after it.
        ("2026-03-02T21:00Z", LUXEMBOURG, "22:00", "07:00", "2026-03-03T06:00Z"),
        ("2026-03-02T03:00Z", LUXEMBOURG, "22:00", "07:00", "2026-03-02T06:00Z"),
        # Another zone: 03:00 UTC is 22:00 of the day before.
        ("2026-03-02T03:00Z", NEW_YORK, "21:00", "08:00", "2026-03-02T13:00Z"),
        # The night of 29 March is an hour shorter: 07:00 is 05:00 UTC.
        ("2026-03-28T22:00Z", LUXEMBOURG, "22:00", "07:00", "2026-03-29T05:00Z"),
        # They end at 02:30, which does not exist that night.
        ("2026-03-28T23:00Z", LUXEMBOURG, "22:00", "02:30", "2026-03-29T01:30Z"),
        # The night of 25 October is an hour longer: 07:00 is 06:00 UTC.
        ("2026-10-24T21:00Z", LUXEMBOURG, "22:00", "07:00", "2026-10-25T06:00Z"),
        # 02:15 comes twice: the second one lies in quiet hours to 02:30, which end at the second 02:30.
        ("2026-10-25T00:15Z", LUXEMBOURG, "22:00", "02:30", "2026-10-25T00:30Z"),
        ("2026-10-25T01:15Z", LUXEMBOURG, "22:00", "02:30", "2026-10-25T01:30Z"),
    ],
)
def test_quiet_hours_end_by_the_members_clock(at, zone, begin, end, until):
    found = quiet_until(
        datetime.fromisoformat(at), zone=zone, begin=time.fromisoformat(begin), end=time.fromisoformat(end)
    )

    assert found == (datetime.fromisoformat(until) if until else None)


def link_of(member):
    """The path of the link in a mail that was sent to the member."""
    message = Message.objects.get(kind="marketing", customer=member.customer)
    return reverse("unsubscribe", args=[unsubscribing.token(message.pk, member.customer_id)])


def test_a_post_without_cookies_ends_marketing_at_once_with_time_and_source(willing, noon, mail):
    queue(willing, at=noon, **OFFER)
    send(noon)

    response = browser().post(
        link_of(willing), "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )

    assert response.status_code == 200
    assert not response.cookies
    willing.customer.refresh_from_db()
    assert not willing.customer.marketing_consent
    assert willing.customer.marketing_consent_at is not None, "that it had been given stays on record"
    withdrawn = Withdrawal.objects.get()
    assert (withdrawn.source, withdrawn.message_id) == ("unsubscribe link", Message.objects.get().pk)


def test_looking_at_the_page_changes_nothing(willing, noon, mail):
    Customer.objects.update(locale="de")
    queue(willing, at=noon, **OFFER)

    response = browser().get(link_of(willing))

    willing.customer.refresh_from_db()
    assert willing.customer.marketing_consent
    page = response.content.decode()
    assert "Abbestellen" in page
    assert 'lang="de"' in page
    assert willing.customer.email not in page


def test_a_second_click_changes_nothing_more(willing, noon):
    queue(willing, at=noon, **OFFER)
    link = link_of(willing)

    for _ in range(2):
        assert browser().post(link).status_code == 200

    assert Withdrawal.objects.count() == 1


@pytest.mark.parametrize("break_it", [lambda t: t[:-8] + "AAAAAAA=", lambda t: "x", lambda t: t * 9, lambda t: "é"])
def test_a_link_that_is_not_ours_is_nobodys(willing, noon, break_it):
    queue(willing, at=noon, **OFFER)
    token = link_of(willing).rpartition("/")[2]

    response = browser().post(reverse("unsubscribe", args=[break_it(token)]))

    assert response.status_code == 404
    assert Customer.objects.get(pk=willing.customer_id).marketing_consent


def test_another_secret_made_no_link_of_ours(willing, noon, settings):
    queue(willing, at=noon, **OFFER)
    link = link_of(willing)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key" * 9

    assert browser().post(link).status_code == 404
    settings.SECRET_KEY_FALLBACKS = [old]
    assert browser().post(link).status_code == 200
