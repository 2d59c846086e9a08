"""From an event to a mail: what is written when, in which language, to whom."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.models import ExpiryPolicy, Member, Program, Tier
from loyalty.operations import anonymization, enrollment, expiration, points, stamps
from loyalty_site import outbox
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Customer
from notifications import dispatch
from notifications.models import Delivery, Message
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage
from tests.cast import make_member
from tests.smtp_sink import body


def send(at):
    """Hand the news over, then send what is due at that time."""
    outbox.relay()
    Message.objects.filter(status="queued", created_at__gt=at).update(next_attempt_at=at)
    return dispatch.dispatch(clock=lambda: at)


def test_who_enrols_gets_a_mail_with_the_card(mail, program, noon):
    member = make_member(program, "alice")

    report = send(noon)

    [sent] = mail.mails
    assert sent["To"] == "alice@example.com"
    assert member.card_number in body(sent)
    assert "Cafe" in str(sent["From"])
    message = Message.objects.get()
    assert (message.status, message.code, message.customer_id) == ("sent", "loyalty_enrollment", member.customer_id)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.recipient, delivery.channel) == ("sent", "alice@example.com", "email")
    assert (delivery.locale, delivery.attempt, delivery.is_uncertain) == ("en", 1, False)
    assert delivery.provider_id == sent["Message-ID"]
    assert report.counts["sent"] == 1


def test_a_welcome_bonus_is_a_second_mail(mail, program, noon):
    Program.objects.update(welcome_bonus=150)
    make_member(Program.objects.get(), "alice")

    send(noon)

    codes = set(Message.objects.values_list("code", "status"))
    assert codes == {("loyalty_enrollment", "sent"), ("loyalty_welcome_bonus", "sent")}
    assert any("150" in body(each) for each in mail.mails)


def test_a_member_made_by_a_mere_look_up_gets_no_mail(mail, program, counter, noon):
    customer = Customer.objects.create(merchant=program.merchant, email="bare@example.com")
    member = enrollment.member_for(program=program, customer=customer, at=noon)
    Program.objects.update(stamps_target=1)
    stamps.add(member=Member.objects.get(pk=member.pk), store=counter, at=noon)

    send(noon)

    assert not Message.objects.exists()
    assert not mail.mails


def test_an_event_of_an_import_writes_to_nobody(mail, program, noon):
    with outbox.backfilling():
        make_member(program, "alice")

    send(noon)

    assert not Message.objects.exists()


def test_hearing_of_an_event_twice_writes_once(program, noon):
    make_member(program, "alice")
    outbox.relay()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_events SET status = 'pending', attempts = 0, delivered_to = '{}'")

    outbox.relay()

    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("locale", "zone", "shown"),
    [
        ("de", "Europe/Luxembourg", "2. April 2026"),
        ("fr-LU", "Europe/Luxembourg", "2 avril 2026"),
        # 2 April 02:00 UTC is still 1 April there.
        ("en", "America/Los_Angeles", "1 April 2026"),
        ("tlh", "UTC", "2 April 2026"),
    ],
)
def test_a_warning_says_the_true_day_in_the_members_language_and_zone(mail, alice, buy, noon, locale, zone, shown):
    Program.objects.update(expiry_policy=ExpiryPolicy.INACTIVITY, points_expiration_days=30, expiration_warning_days=14)
    Customer.objects.filter(pk=alice.customer_id).update(locale=locale, time_zone=zone)
    buy("10.00")
    warned = noon.replace(hour=2) + timedelta(days=17)
    expiration.expire(programs=[Program.objects.get()], at=warned, run_id=new_id())

    send(warned)

    [sent] = [words for words in (body(each).replace("\xa0", " ") for each in mail.mails) if shown in words]
    assert "100" in sent
    assert "14" in sent


def test_a_warning_that_waited_counts_the_days_from_when_it_is_sent(mail, alice, noon):
    warn(alice, expiration_date="2026-03-16", days_remaining=14)

    dispatch.dispatch(clock=lambda: noon + timedelta(days=4))

    [sent] = mail.mails
    assert "10" in body(sent)


def test_a_warning_of_a_day_that_has_passed_is_not_sent(mail, alice, noon):
    warn(alice, expiration_date="2026-03-16", days_remaining=14)

    dispatch.dispatch(clock=lambda: noon + timedelta(days=20))

    assert not mail.mails
    message = Message.objects.get()
    assert (message.status, message.error) == ("skipped", "The day it announces has passed.")


def test_expired_points_and_a_full_card_are_told(mail, alice, counter, buy, noon):
    Program.objects.update(expiry_policy=ExpiryPolicy.INACTIVITY, points_expiration_days=30, stamps_target=1)
    buy("10.00")
    stamps.add(member=Member.objects.get(pk=alice.pk), store=counter, at=noon)
    later = noon + timedelta(days=40)
    expiration.expire(programs=[Program.objects.get()], at=later, run_id=new_id())

    send(later)

    codes = set(Message.objects.filter(status="sent").values_list("code", flat=True))
    assert {"loyalty_points_expired", "loyalty_reward_ready"} <= codes
    expired = Message.objects.get(code="loyalty_points_expired")
    assert expired.variables["points"] == 100


def test_a_new_tier_is_marketing_and_names_the_tier(mail, program, noon):
    Tier.objects.create(program=program, slug="gold", name="Oro", point_threshold=50, benefits=["Free cake"])
    member = make_member(program, "alice")
    Customer.objects.filter(pk=member.customer_id).update(marketing_consent=True)
    points.award(member=member, points=60, type="tier_bonus", key="gift", at=noon)
    outbox.relay()
    Message.objects.exclude(code="loyalty_tier_upgrade").delete()

    send(noon)

    [sent] = mail.mails
    assert "Oro" in body(sent)
    assert "Free cake" in body(sent)


def test_an_expiry_of_many_is_one_statement(program, noon):
    members = [make_member(program, f"m{number}") for number in range(30)]
    outbox.relay()
    Message.objects.all().delete()
    events = [event_of(member) for member in members]

    with CaptureQueriesContext(connection) as few:
        from notifications import subscribers

        subscribers.write_to_members(events)

    assert len(few) == 1
    assert Message.objects.count() == 30


def test_another_merchants_member_cannot_be_written_to(alice, bookshop, noon):
    strangers = NewMessage(merchant_id=bookshop.merchant_id, member_id=alice.pk, code="loyalty_points_expired", key="k")

    assert queueing.queue_for_members([strangers], at=noon) == 0


def test_nothing_to_queue_is_no_query(db, noon, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert queueing.queue([], at=noon) == 0


def test_the_log_names_nobody(alice, noon, caplog, capsys):
    queueing.queue(
        [NewMessage(merchant_id=alice.merchant_id, recipient="secret@example.com", code="referral_invite", key="k")],
        at=noon,
    )

    said = caplog.text + capsys.readouterr().out
    assert "secret@example.com" not in said


def test_a_forgotten_person_gets_nothing_and_leaves_no_address(mail, alice, noon):
    outbox.relay()
    send(noon)
    warn(alice, expiration_date="2026-03-16", days_remaining=14)
    anonymization.anonymize(member=alice, at=noon)

    dispatch.dispatch(clock=lambda: noon)

    assert len(mail.mails) == 1
    waiting = Message.objects.get(code="loyalty_points_expiring")
    assert (waiting.status, waiting.variables) == ("skipped", {})
    assert set(Delivery.objects.values_list("recipient", flat=True)) == {""}


def test_an_invitation_goes_to_the_address_and_names_who_invites(mail, alice, noon):
    queueing.queue(
        [
            NewMessage(
                merchant_id=alice.merchant_id,
                member_id=alice.pk,
                recipient="Bob@Example.com",
                code="referral_invite",
                key="invite",
                variables={"code": "ABC", "share_url": "/join/cafe?ref=ABC", "points": 50},
            )
        ],
        at=noon,
    )

    dispatch.dispatch(clock=lambda: noon)

    [sent] = mail.mails
    assert sent["To"] == "Bob@Example.com"
    assert "Alice" in body(sent)
    assert "https://loyalty.example/join/cafe?ref=ABC" in body(sent)
    assert alice.card_number not in body(sent)


def warn(member, **facts):
    """A warning, queued."""
    queueing.queue(
        [
            NewMessage(
                merchant_id=member.merchant_id,
                member_id=member.pk,
                customer_id=member.customer_id,
                code="loyalty_points_expiring",
                key=f"warn:{new_id()}",
                variables={"points": 100, **facts},
            )
        ],
        at=datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
    )


def event_of(member):
    facts = {"member_id": str(member.pk), "points": -10, "store_id": None}
    return outbox.PublishedEvent(new_id(), "loyalty.points_expired", member.merchant_id, facts, False, None)
