"""Mail servers that answer oddly or slowly, and addresses that no program can write: what one does harms no other."""

from datetime import timedelta
from uuid import uuid4

import pytest

from loyalty_site.tenants.models import Customer
from notifications import dispatch
from notifications.channels.base import ChannelDown, Outcome, Outgoing, Result
from notifications.channels.email import EmailChannel
from notifications.models import Circuit, Delivery, Message, Suppression
from tests.cast import make_member
from tests.notifications.test_sending import MINUTE, queue, send
from tests.notifications.test_sending import provider as provider

# Each makes the standard library's parser of addresses raise something else than a ValueError.
STUMBLES = ['"', "a@[1.2.3", "<>", '.\t<"\\\n\n', ' .\r::(=a"\r']


def a_mail(address="bea@example.com", **more):
    return Outgoing(delivery_id=uuid4(), merchant_id=uuid4(), address=address, subject="s", text="t", **more)


@pytest.mark.parametrize("address", STUMBLES)
def test_an_address_that_cannot_be_written_harms_no_other_mail(mail, address):
    outcomes = EmailChannel().send([a_mail("ann@example.com"), a_mail(address), a_mail("cy@example.com")])

    assert [outcome.result for outcome in outcomes] == [Result.SENT, Result.REFUSED, Result.SENT]
    assert mail.recipients == ["ann@example.com", "cy@example.com"]
    assert address not in outcomes[1].error or len(address) < 3


def test_a_stored_address_that_cannot_be_written_fails_alone_and_once(program, noon, mail):
    members = [make_member(program, name) for name in ("ann", "bea", "cy")]
    Customer.objects.filter(pk=members[1].customer_id).update(email="a@[1.2.3")
    for member in members:
        queue(member, key=f"k{member.pk}", at=noon)

    report = send(noon)
    send(noon + timedelta(days=1))

    assert (report.counts["sent"], report.counts["failed"], report.down) == (2, 1, [])
    assert len(mail.mails) == 2


@pytest.mark.parametrize("said", ["550 5.7.60 you may not send as this sender", "530 5.7.0 Authentication required"])
def test_a_server_that_does_not_take_our_sender_fails_no_message(alice, noon, mail, said):
    mail.to_sender = said
    queue(alice, at=noon)

    assert send(noon).down == ["email"]
    assert Circuit.objects.get().reason.startswith(said[:3])
    assert Message.objects.get().status == "queued"
    mail.to_sender = ""
    assert send(noon + MINUTE).counts["sent"] == 1


def test_a_server_that_wants_a_login_for_the_recipient_fails_no_message(alice, noon, mail):
    mail.refuses["alice@example.com"] = "530 5.7.0 log in first"
    queue(alice, at=noon)

    assert send(noon).down == ["email"]
    assert not Suppression.objects.exists()


def test_a_sender_that_is_to_come_later_is_tried_later(alice, noon, mail):
    mail.to_sender = "451 4.7.1 greylisted, come later"
    queue(alice, at=noon)

    assert send(noon).down == []
    assert Message.objects.get().next_attempt_at == noon + MINUTE


def test_what_a_slow_server_leaves_no_time_for_goes_with_the_next_batch(program, noon, mail):
    """A batch must end well before its lease does, or others send it again."""
    batch = [a_mail(f"m{number}@example.com") for number in range(3)]

    outcomes = EmailChannel(seconds=0).send(batch)

    assert [outcome.result for outcome in outcomes] == [Result.SENT, Result.UNTRIED, Result.UNTRIED]
    assert mail.recipients == ["m0@example.com"]


@pytest.mark.parametrize("is_uncertain", [False, True])
def test_an_untried_message_loses_no_attempt_and_stays_as_uncertain_as_it_was(alice, noon, provider, is_uncertain):
    untried = Outcome(result=Result.UNTRIED)
    email = provider("email", untried, untried, untried, untried, untried)
    queue(alice, at=noon)
    if is_uncertain:
        # Its sender went without a word.
        Message.objects.update(status="sending", attempts=1)

    send(noon)

    delivery, message = Delivery.objects.get(), Message.objects.get()
    assert len(email.given) == 6
    assert (message.status, message.attempts) == ("sent", 2 if is_uncertain else 1)
    assert (delivery.attempt, delivery.is_uncertain) == (message.attempts, is_uncertain)


@pytest.mark.parametrize("said", ["450 \0 later", "half a letter \ud83d"])
def test_what_the_database_cannot_keep_is_left_out_of_what_a_provider_said(alice, noon, provider, said):
    provider("email", Outcome(result=Result.DEFERRED, error=said, provider_id=said))
    queue(alice, at=noon)

    send(noon)

    message = Message.objects.get()
    assert message.status == "queued"
    assert message.error == Delivery.objects.get().error
    assert message.error.startswith(said[:3])


def test_a_circuit_keeps_its_reason_whatever_that_holds(alice, noon, provider):
    provider("email", ChannelDown("gone \0 away"))
    queue(alice, at=noon)

    assert dispatch.dispatch(clock=lambda: noon).down == ["email"]
    assert Circuit.objects.get().reason == "gone  away"
