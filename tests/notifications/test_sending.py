"""What the sender does when all is not well: tries, waits, gives up, goes on with another channel, lets nobody wait."""

from collections import Counter
from datetime import timedelta

import pytest

from loyalty_site.tenants.models import Merchant
from notifications import dispatch, hooks
from notifications.channels import base
from notifications.channels.base import ChannelDown, Outcome, Result
from notifications.models import Circuit, Delivery, Message, Suppression
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage
from tests.cast import make_member, make_merchant

MINUTE = timedelta(minutes=1)


def queue(member, *, key="one", at, code="loyalty_points_expired", **more):
    """One message to a member."""
    given = {"variables": {"points": 10}, **more}
    queueing.queue(
        [
            NewMessage(
                merchant_id=member.merchant_id,
                member_id=member.pk,
                customer_id=member.customer_id,
                code=code,
                key=key,
                **given,
            )
        ],
        at=at,
    )


def send(at):
    return dispatch.dispatch(clock=lambda: at)


class Provider:
    """A channel of a test's own: answers as it is told, and remembers what it was given."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.given = []

    def is_on(self):
        return True

    def send(self, batch):
        self.given.append([each.address for each in batch])
        answer = self.answers.pop(0) if self.answers else Outcome(result=Result.SENT, provider_id="p-1")
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(batch)


@pytest.fixture
def provider():
    """Put a provider in the place of a channel: provider("sms", Outcome(...), ChannelDown(...))."""
    kept = dict(base._makers)

    def place(channel, *answers):
        made = Provider(*answers)
        base.register(channel, lambda: made)
        return made

    yield place
    for channel in list(base._makers):
        base._makers.pop(channel)
        base._adapters.pop(channel, None)
    base._makers.update(kept)


LATER = Outcome(result=Result.DEFERRED, error="450 try later")
BUSY = Outcome(result=Result.DEFERRED, error="The provider answers 503.", is_busy=True)
NEVER = Outcome(result=Result.REFUSED, error="550 no")


@pytest.mark.parametrize(("answer", "waits"), [(LATER, [1, 1, 1]), (BUSY, [1, 5, 30])])
def test_a_first_try_and_three_retries_then_it_failed_with_the_reason(alice, noon, provider, answer, waits):
    email = provider("email", *[answer] * 9)
    queue(alice, at=noon)
    at = noon

    for wait in waits:
        send(at)
        assert Message.objects.get().status == "queued"
        assert send(at + wait * MINUTE - timedelta(seconds=1)).counts == Counter()
        at += wait * MINUTE
    send(at)
    send(at + timedelta(days=1))

    message = Message.objects.get()
    assert (message.status, message.error, message.attempts) == ("failed", answer.error, 4)
    assert len(email.given) == 4
    said = list(Delivery.objects.order_by("attempt").values_list("attempt", "status"))
    assert said == [(1, "deferred"), (2, "deferred"), (3, "deferred"), (4, "failed")]


def test_a_provider_says_itself_how_long_to_wait(alice, noon, provider):
    provider("email", Outcome(result=Result.DEFERRED, error="429", retry_after=600, is_busy=True))
    queue(alice, at=noon)

    send(noon)

    assert Message.objects.get().next_attempt_at == noon + 10 * MINUTE


def test_a_bad_address_fails_at_once_and_is_not_written_to_again(alice, noon, mail):
    mail.refuses["alice@example.com"] = "550 5.1.1 <alice@example.com> no such user"
    queue(alice, at=noon)
    queue(alice, key="two", at=noon + MINUTE)

    send(noon)
    send(noon + MINUTE)

    first, second = Message.objects.order_by("created_at")
    assert (first.status, first.error) == ("failed", "550 5.1.1 <<address>> no such user")
    assert second.status == "suppressed"
    suppressed = Suppression.objects.get()
    assert (suppressed.merchant_id, suppressed.address) == (alice.merchant_id, "alice@example.com")


def test_a_full_mailbox_is_tried_again(alice, noon, mail):
    mail.refuses["alice@example.com"] = "452 4.2.2 mailbox full"
    queue(alice, at=noon)
    send(noon)
    mail.refuses.clear()

    send(noon + MINUTE)

    assert Message.objects.get().status == "sent"
    assert [delivery.status for delivery in Delivery.objects.order_by("attempt")] == ["deferred", "sent"]
    assert len(mail.mails) == 1


def test_one_dead_address_keeps_no_other_mail_of_its_batch_back(program, noon, mail):
    members = [make_member(program, name) for name in ("ann", "bea", "cy")]
    mail.refuses["bea@example.com"] = "550 5.1.1 no such user"
    for member in members:
        queue(member, key=f"k{member.pk}", at=noon)

    send(noon)

    assert sorted(mail.recipients) == ["ann@example.com", "cy@example.com"]
    assert mail.sessions == 1


def test_a_refused_text_does_not_condemn_the_address(alice, noon, mail):
    mail.says.append("554 5.7.1 looks like spam")
    queue(alice, at=noon)

    send(noon)

    assert Message.objects.get().status == "failed"
    assert not Suppression.objects.exists()


def test_a_dead_provider_opens_its_circuit_and_no_others(alice, noon, provider):
    email = provider("email", ChannelDown("no route"), ChannelDown("no route"))
    sms = provider("sms")
    alice.customer.phone_number = "+352621123456"
    alice.customer.save()
    for number in range(5):
        queue(alice, key=f"mail-{number}", at=noon)
        queue(alice, key=f"sms-{number}", at=noon, channels=["sms"], code="loyalty_points_expiring",
              variables={"points": 1, "expiration_date": "2026-03-10"})  # fmt: skip

    report = send(noon)
    for number in range(5):
        queue(alice, key=f"late-{number}", at=noon)
    assert send(noon + timedelta(seconds=30)).counts == Counter()

    assert report.down == ["email"]
    assert sum(map(len, sms.given)) == 5
    assert len(email.given) == 1
    late = Message.objects.filter(key__startswith="late")
    assert set(late.values_list("attempts", flat=True)) == {0}, "what waits behind a circuit keeps its attempts"
    assert Circuit.objects.get().failures == 1

    send(noon + MINUTE)
    assert [len(each) for each in email.given] == [5, 1], "one message tries whether the provider is back"
    assert Circuit.objects.get().open_until == noon + 6 * MINUTE

    done = send(noon + 6 * MINUTE)
    assert done.counts["sent"] == 10
    assert Circuit.objects.get().failures == 0


def test_an_outage_of_a_weekend_costs_the_messages_that_try_no_try(alice, noon, provider):
    down = ChannelDown("no route")
    email = provider("email", *[down] * 40)
    queue(alice, at=noon)
    at = noon
    while email.answers:
        send(at)
        at = Circuit.objects.get().open_until

    assert timedelta(hours=18) < at - noon < timedelta(hours=20)
    assert (Message.objects.get().status, Message.objects.get().attempts) == ("queued", 0)
    assert send(at).counts["sent"] == 1


def test_a_message_that_ends_every_connection_is_given_up_in_the_end(alice, noon, provider):
    email = provider("email", *[ChannelDown("hung up")] * 2000)
    queue(alice, at=noon)
    at = noon + timedelta(days=3) - MINUTE

    for _ in range(6):
        send(at)
        at = Circuit.objects.get().open_until

    assert (Message.objects.get().status, Message.objects.get().error) == ("failed", "hung up")
    assert len(email.given) == 5


def test_a_mail_server_that_is_not_there_is_a_provider_that_is_down(alice, noon, mail, settings):
    from tests.smtp_sink import free_port

    settings.EMAIL_PORT = free_port()
    queue(alice, at=noon)

    report = send(noon)

    assert report.down == ["email"]
    assert "alice" not in Circuit.objects.get().reason
    settings.EMAIL_PORT = mail.port
    assert send(noon + MINUTE).counts["sent"] == 1


def test_a_defect_of_a_channel_is_loud_and_loses_nothing(alice, noon, provider, caplog):
    provider("email", ValueError("alice@example.com is odd"))
    queue(alice, at=noon)

    report = send(noon)

    assert report.down == ["email"]
    assert "ValueError" in caplog.text
    assert "alice@example.com" not in caplog.text
    assert send(noon + MINUTE).counts["sent"] == 1


def test_a_message_that_cannot_be_composed_fails_alone(alice, noon, mail):
    queue(alice, key="odd", at=noon, variables={"points": "many"})
    queue(alice, key="fine", at=noon)
    queue(alice, key="unknown", at=noon, code="loyalty_no_such_thing")

    send(noon)

    status = dict(Message.objects.values_list("key", "status"))
    assert status == {"odd": "failed", "fine": "sent", "unknown": "failed"}
    assert "points" in Message.objects.get(key="odd").error


def test_a_message_goes_on_with_its_next_channel(alice, noon, provider):
    provider("email", NEVER)
    sms = provider("sms")
    alice.customer.phone_number = "+352621123456"
    alice.customer.save()
    queue(alice, at=noon, channels=["push", "email", "sms"], code="loyalty_points_expiring",
          variables={"points": 1, "expiration_date": "2026-03-10"})  # fmt: skip

    send(noon)

    message = Message.objects.get()
    assert (message.status, message.channels) == ("sent", ["sms"])
    assert sms.given == [["+352621123456"]]
    assert [each.channel for each in Delivery.objects.order_by("id")] == ["email", "sms"]


def test_who_has_no_address_is_skipped_and_not_failed(program, noon, mail):
    member = make_member(program, "alice")
    member.customer.email = ""
    member.customer.save()
    queue(member, at=noon)

    send(noon)

    message = Message.objects.get()
    assert (message.status, message.error) == ("skipped", "There is no address for this channel.")
    assert not Delivery.objects.exists()


def test_attempts_for_a_nudge_are_told_in_the_transaction_that_records_them(alice, noon, provider, request):
    from loyalty_site.ids import new_id

    heard = []
    listener = hooks.on_attempt(heard.extend)
    request.addfinalizer(lambda: hooks.withdraw(listener))
    provider("email", NEVER)
    provider("sms")
    alice.customer.phone_number, alice.customer.marketing_consent = "+352621123456", True
    alice.customer.save()
    nudge = new_id()
    queue(alice, at=noon, channels=["email", "sms"], code="loyalty_nudge_expiring_points", kind="marketing",
          nudge_id=nudge, variables={"headline": "h", "body": "b", "cta": "c", "cta_url": "https://x.io"})  # fmt: skip
    queue(alice, key="plain", at=noon)

    send(noon)

    assert [(each.nudge_id, each.channel, each.outcome) for each in heard] == [
        (nudge, "email", "failed"),
        (nudge, "sms", "sent"),
    ]


def test_a_flood_of_one_merchant_delays_no_other(program, noon, provider):
    big = [make_member(program, f"m{number}") for number in range(4)]
    small = make_merchant("tiny")
    one = make_member(small, "only")
    email = provider("email")
    queueing.queue(
        [
            NewMessage(
                merchant_id=member.merchant_id,
                customer_id=member.customer_id,
                member_id=member.pk,
                code="loyalty_points_expired",
                key=f"{member.pk}:{number}",
                variables={"points": 1},
            )
            for member in big
            for number in range(100)
        ],
        at=noon - timedelta(hours=1),
    )
    queue(one, at=noon)

    dispatch.dispatch(clock=lambda: noon, batch_size=20)

    first_batch = email.given[0]
    assert "only@example.com" in first_batch
    assert sum(map(len, email.given)) == 401


def test_one_merchants_messages_can_be_sent_alone(alice, bookworm, noon, provider):
    email = provider("email")
    queue(alice, at=noon)
    queue(bookworm, at=noon)

    dispatch.dispatch(clock=lambda: noon, merchant_id=bookworm.merchant_id)

    assert email.given == [["bookworm@example.com"]]


def test_a_merchant_that_is_switched_off_writes_to_nobody(alice, noon, mail):
    queue(alice, at=noon)
    Merchant.objects.update(is_active=False)

    send(noon)

    assert not mail.mails
    assert Message.objects.get().status == "skipped"


def test_a_batch_asks_the_database_as_often_for_one_as_for_fifty(
    program, noon, provider, django_assert_max_num_queries
):
    provider("email")
    members = [make_member(program, f"m{number}") for number in range(50)]
    for member in members:
        queue(member, key=str(member.pk), at=noon)

    with django_assert_max_num_queries(26):
        report = send(noon)

    assert report.counts["sent"] == 50
