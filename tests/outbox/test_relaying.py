from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from loyalty_site import outbox
from loyalty_site.outbox import claims, relaying
from loyalty_site.outbox.models import OutboxEvent
from tests.outbox.happenings import CAFE, NOON, HappenedElsewhere, happened, note, publish

ATTEMPTS = claims.max_attempts()
FIRST = UUID(int=0)
LONG_AGO = UUID("0195c000-0000-7000-8000-000000000009")


def pending():
    return list(OutboxEvent.objects.filter(status="pending").order_by("id"))


@pytest.mark.django_db
def test_a_subscriber_hears_of_its_kind_and_of_no_other(subscribed):
    events = []
    subscribed("tests.happened", events.extend)
    subscribed("tests.something_else", lambda _events: pytest.fail("not its kind"))
    publish(1, 2, 3)

    report = outbox.relay()

    assert sorted(event.facts["number"] for event in events) == [1, 2, 3]
    assert {(event.kind, event.merchant_id, event.backfill) for event in events} == {("tests.happened", CAFE, False)}
    assert (report.done, report.failed, report.parked, report.more) == (3, 0, 0, False)
    assert set(OutboxEvent.objects.values_list("status", flat=True)) == {"done"}


@pytest.mark.django_db
def test_news_for_nobody_is_done_at_once():
    publish(1, 2)

    assert outbox.relay().done == 2
    assert not pending()


@pytest.mark.django_db
def test_what_was_delivered_is_not_delivered_again(subscribed):
    events = []
    subscribed("tests.happened", events.extend)
    publish(1)

    outbox.relay()
    outbox.relay()

    assert len(events) == 1


@pytest.mark.django_db
def test_news_comes_in_batches_of_the_size_asked_for(subscribed):
    sizes = []
    subscribed("tests.happened", lambda events: sizes.append(len(events)))
    publish(*range(25))

    outbox.relay(batch_size=10)

    assert sizes == [10, 10, 5]


@pytest.mark.django_db
def test_what_a_subscriber_publishes_is_delivered_by_the_same_relay(subscribed):
    echoes = []
    subscribed("tests.happened", lambda events: [again(event) for event in events])
    subscribed("tests.happened_elsewhere", echoes.extend)

    def again(event):
        outbox.publish(HappenedElsewhere(merchant_id=CAFE, occurred_at=NOON, number=event.facts["number"]))

    publish(*range(12))

    outbox.relay(batch_size=5)

    assert sorted(event.facts["number"] for event in echoes) == list(range(12))


def test_an_event_outside_a_transaction_is_refused(own_database):
    with pytest.raises(TransactionManagementError):
        outbox.publish(happened(1))
    with pytest.raises(TransactionManagementError):
        outbox.publish_many([happened(1)])


def test_a_relay_inside_a_transaction_is_refused(own_database):
    publish(1)

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        outbox.relay()

    assert [event.attempts for event in pending()] == [0]


def test_the_others_of_its_batch_go_through_while_one_fails(heard, subscribed):
    def fail_on_seven(events):
        note("café", events)
        if any(event.facts["number"] == 7 for event in events):
            raise ValueError("seven is too much")

    subscribed("tests.happened", fail_on_seven)
    publish(*range(10))

    report = outbox.relay()

    assert (report.done, report.failed, report.parked) == (9, 1, 0)
    assert heard.by("café") == [0, 1, 2, 3, 4, 5, 6, 8, 9]
    [seven] = pending()
    assert seven.facts["number"] == 7
    assert "seven is too much" in seven.error
    assert outbox.relay().failed == 0, "it waits before its next attempt"


def test_an_event_that_keeps_failing_is_parked_alone_and_can_be_requeued(heard, subscribed, time_passes):
    well = []

    def fail_on_seven(events):
        note("café", events)
        if not well and any(event.facts["number"] == 7 for event in events):
            raise ValueError("seven is too much")

    subscribed("tests.happened", fail_on_seven)
    publish(*range(10))

    parked = 0
    for _ in range(ATTEMPTS):
        assert parked == 0
        parked = outbox.relay().parked
        time_passes()

    seven = OutboxEvent.objects.get(status="parked")
    assert (parked, seven.attempts, seven.facts["number"]) == (1, ATTEMPTS, 7)
    assert outbox.relay().failed == 0, "parked is parked"

    well.append(True)
    assert claims.requeue_parked() == 1
    assert outbox.relay().done == 1
    assert heard.by("café") == list(range(10))


def test_one_broken_subscriber_makes_no_other_hear_twice(heard, subscribed, time_passes):
    calls = []

    def first(events):
        calls.extend(event.facts["number"] for event in events)
        note("first", events)

    def broken(events):
        note("broken", events)
        if any(event.facts["number"] == 3 for event in events):
            raise ValueError("not three")

    subscribed("tests.happened", first)
    subscribed("tests.happened", broken)
    subscribed("tests.happened", lambda events: note("last", events))
    publish(1, 2, 3, 4)

    for _ in range(ATTEMPTS):
        outbox.relay()
        time_passes()

    assert sorted(calls) == heard.by("first") == heard.by("last") == [1, 2, 3, 4]
    assert heard.by("broken") == [1, 2, 4]
    parked = OutboxEvent.objects.get(status="parked")
    assert len(parked.delivered_to) == 2


def test_an_error_of_the_database_fails_the_event_and_not_the_relay(heard, subscribed):
    def divide(events):
        with connection.cursor() as cursor:
            for event in events:
                cursor.execute("SELECT 1 / %s", [event.facts["number"]])
        note("café", events)

    subscribed("tests.happened", divide)
    publish(1, 0, 2)

    assert (outbox.relay().done, heard.by("café")) == (2, [1, 2])


def test_a_claim_holds_until_its_lease_is_over_and_then_goes_to_another_relay(heard, subscribed, time_passes):
    subscribed("tests.happened", lambda events: note("café", events))
    publish(1)
    [claim] = claims.claim_fresh(after=FIRST, size=10)

    assert outbox.relay().done == 0, "a relay has it"
    time_passes()
    assert outbox.relay().done == 1

    # The first relay comes back late: the event is not its own any more, and is not delivered again.
    ids = [claim.event.id]
    assert claims.mark(ids=ids, last=ids, names=["late"], attempt=claim.attempt) == set()
    assert heard.by("café") == [1]


def test_a_late_relay_cannot_take_part_in_the_attempt_of_another(own_database, time_passes):
    publish(1)
    [late] = claims.claim_fresh(after=FIRST, size=10)
    time_passes()
    current = claims.claim_tried()

    ids = [late.event.id]
    assert claims.mark(ids=ids, last=ids, names=["late"], attempt=late.attempt) == set()
    assert claims.mark(ids=ids, last=ids, names=["current"], attempt=current.attempt) == set(ids)


@pytest.mark.django_db
def test_what_committed_late_is_left_by_a_wake_and_taken_by_a_sweep(subscribed):
    events = []
    subscribed("tests.happened", events.extend)
    publish(1)
    late = OutboxEvent.objects.get()
    OutboxEvent.objects.create(id=LONG_AGO, kind=late.kind, merchant_id=CAFE, facts={"number": 2})
    OutboxEvent.objects.create(
        kind=late.kind, facts={"number": 3}, attempts=1, available_at=timezone.now() - timedelta(minutes=5)
    )

    outbox.relay(recent_only=True)
    assert [event.facts["number"] for event in events] == [1]

    assert relaying.drain(lambda: False) is False
    assert sorted(event.facts["number"] for event in events) == [1, 2, 3]


@pytest.mark.django_db
def test_only_what_was_done_long_ago_is_purged(subscribed):
    publish(1, 2)
    outbox.relay()
    publish(3)
    old = OutboxEvent.objects.get(facts__number=1)
    OutboxEvent.objects.filter(pk=old.pk).update(done_at=timezone.now() - timedelta(days=15))

    assert claims.purge(done_before=timezone.now() - timedelta(days=14), chunk=1) == 1
    assert sorted(OutboxEvent.objects.values_list("facts__number", flat=True)) == [2, 3]
