"""What the scheduler runs for messages, and what is kept how long."""

from datetime import timedelta

from django.utils import timezone

from loyalty_site.jobs.models import Run
from notifications import jobs
from notifications.models import Delivery, Message, Withdrawal
from tests.notifications.test_nudge_runs import command
from tests.notifications.test_sending import queue


def test_the_job_sends_what_is_due_and_says_how_much(alice, mail):
    queue(alice, at=timezone.now())

    jobs.send_messages()

    run = Run.objects.get(job="notifications.send_messages")
    assert (run.status, run.counts["sent"]) == ("succeeded", 1)


def test_a_provider_that_does_not_answer_makes_the_run_partial(alice, mail, settings):
    settings.EMAIL_PORT = 1
    queue(alice, at=timezone.now())

    jobs.send_messages()

    run = Run.objects.get(job="notifications.send_messages")
    assert (run.status, run.error) == ("partial", "The provider does not answer: email.")


def test_what_ended_long_ago_is_purged_and_what_waits_is_not(alice, settings):
    settings.MESSAGES_KEEP_DAYS = 30
    now = timezone.now()
    for key in ("old", "young", "waiting"):
        queue(alice, key=key, at=now)
    Message.objects.exclude(key="waiting").update(status="sent", finished_at=now - timedelta(days=29))
    Message.objects.filter(key="old").update(finished_at=now - timedelta(days=31))
    old = Message.objects.get(key="old")
    Delivery.objects.create(merchant=alice.merchant, message=old, code=old.code, channel="email", status="sent")
    Withdrawal.objects.create(
        merchant=alice.merchant, customer=alice.customer, message=old, source="unsubscribe link", at=now
    )

    jobs.purge()

    assert set(Message.objects.values_list("key", flat=True)) == {"young", "waiting"}
    assert not Delivery.objects.exists()
    assert Withdrawal.objects.get().message_id is None
    assert Run.objects.get(job="notifications.purge").counts == {
        "purged": 1,
        "nudges": 0,
        "attempts": 0,
        "exposures": 0,
    }


def test_by_hand_as_of_a_time_gone_by_what_came_due_later_waits(alice, mail):
    now = timezone.now()
    queue(alice, key="early", at=now - timedelta(hours=2))
    queue(alice, key="late", at=now)
    as_of = ["--as-of", (now - timedelta(hours=1)).isoformat()]

    previewed = command("send_messages", *as_of, "--dry-run")[1]
    sent = command("send_messages", *as_of)[1]

    assert previewed == {"due": 1, "waiting in all": 2}
    assert (sent["sent"], sent["still waiting"]) == (1, 1)
    assert Message.objects.get(key="early").finished_at >= now
    assert command("send_messages")[1]["sent"] == 1


def test_by_hand_as_of_a_time_to_come_nothing_is_sent_and_something_is_foreseen(alice, mail):
    now = timezone.now()
    queue(alice, at=now + timedelta(hours=1))
    as_of = ["--as-of", (now + timedelta(hours=2)).isoformat()]

    assert command("send_messages", *as_of)[0] == 2
    assert command("send_messages", *as_of, "--dry-run")[1]["due"] == 1
    assert not mail.recipients
