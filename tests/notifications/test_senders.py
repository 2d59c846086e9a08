"""What holds of senders that share, are killed, and run in the delivery loop."""

import signal
import subprocess
import sys
import threading
import time

import pytest
from django.db import connections
from django.utils import timezone

from loyalty_site.jobs import delivery
from notifications import dispatch
from notifications.models import Delivery, Message
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage
from tests.cast import make_member, make_merchant
from tests.server import ROOT


@pytest.fixture
def start():
    """Start one of the programs of `tests/notifications/child.py`; killed after the test, if it still runs."""
    children = []

    def start_child(what):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.notifications.child", what],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start_child
    for child in children:
        child.kill()
        child.communicate()


def queue(count):
    """So many messages to as many members of the café."""
    program = make_merchant("cafe")
    now = timezone.now()
    messages = []
    for number in range(count):
        member = make_member(program, f"m{number}", at=now)
        messages.append(
            NewMessage(
                merchant_id=member.merchant_id,
                member_id=member.pk,
                customer_id=member.customer_id,
                code="loyalty_points_expired",
                key=str(number),
                variables={"points": 1},
            )
        )
    queueing.queue(messages, at=now)


def test_a_sender_killed_after_sending_has_its_messages_sent_again_and_marked(own_database, mail, start):
    queue(3)

    assert start("die_before_recording").wait(60) == -signal.SIGKILL

    assert len(mail.mails) == 3
    assert set(Message.objects.values_list("status", "attempts")) == {("sending", 1)}
    assert dispatch.dispatch().counts["sent"] == 0, "the dead sender's lease still holds"
    Message.objects.update(next_attempt_at=timezone.now())
    report = dispatch.dispatch()
    assert (report.counts["sent"], report.uncertain) == (3, 3)
    assert len(mail.mails) == 6
    assert len({sent["Message-ID"] for sent in mail.mails}) == 3, "a mail program shows each once"
    assert set(Delivery.objects.values_list("status", "attempt", "is_uncertain")) == {("sent", 2, True)}


def test_a_message_that_ends_every_sender_is_given_up(own_database, mail, start):
    queue(1)

    for _ in range(4):
        assert start("die_before_recording").wait(60) == -signal.SIGKILL
        Message.objects.update(next_attempt_at=timezone.now())
    dispatch.dispatch()

    message = Message.objects.get()
    assert (message.status, message.error) == ("failed", "Each worker that tried to send it ended.")
    assert len(mail.mails) == 4


def test_two_senders_at_once_send_each_message_once(own_database, mail, start):
    queue(60)
    senders = [start("share"), start("share")]
    assert [sender.stdout.readline() for sender in senders] == ["ready\n"] * 2

    for sender in senders:
        sender.stdin.write("go\n")
        sender.stdin.flush()
    reports = [sender.communicate(timeout=120)[0].split() for sender in senders]

    assert sum(int(sent) for sent, _, _ in reports) == 60
    assert min(int(sent) for sent, _, _ in reports) > 0
    assert len(mail.mails) == len(set(mail.recipients)) == 60


def test_a_word_that_comes_after_the_lease_changes_nothing(own_database, mail):
    queue(1)
    taken = []

    def someone_else_sends(_mail):
        if not taken:
            taken.append(True)
            # In a session of its own, as another worker has it: the lease has run out, and it sends.
            with own_database.connect() as other:
                other.execute("UPDATE loyalty_messages SET attempts = attempts + 1")

    mail.on_mail = someone_else_sends
    report = dispatch.dispatch()

    assert report.late == 1
    assert Message.objects.get().status == "sending"


def test_the_delivery_loop_sends_what_is_queued_and_ends_when_told(own_database, mail):
    ended = threading.Event()

    def run():
        delivery.run(stop=ended.is_set, poll_seconds=0.5)
        connections.close_all()

    loop = threading.Thread(target=run)
    loop.start()
    try:
        queue(2)
        # Two enrolments, by way of the outbox, and two messages.
        mail.wait_for(4)
    finally:
        ended.set()
        loop.join(60)
    assert not loop.is_alive()
    assert not any(thread.name.startswith("deliver-") for thread in threading.enumerate())


def test_a_slow_provider_keeps_no_news_waiting(own_database, mail):
    from loyalty_site import outbox
    from loyalty_site.outbox.models import OutboxEvent

    assert outbox is not None
    release, ended = threading.Event(), threading.Event()
    mail.on_mail = lambda _: release.wait(20)

    def run():
        delivery.run(stop=ended.is_set, poll_seconds=0.5)
        connections.close_all()

    queue(1)
    loop = threading.Thread(target=run)
    loop.start()
    try:
        end = time.monotonic() + 20
        while not Message.objects.filter(status="sending").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        make_member(make_merchant("bookshop"), "late", at=timezone.now())
        while OutboxEvent.objects.filter(status="pending").exists():
            assert time.monotonic() < end, "the news waits for the mail server"
            time.sleep(0.05)
        assert not mail.mails
    finally:
        release.set()
        ended.set()
        loop.join(60)
