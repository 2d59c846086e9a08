from datetime import date
from decimal import Decimal

import pytest
from django.db import transaction

from loyalty_site import outbox
from loyalty_site.outbox.events import as_json
from loyalty_site.outbox.models import OutboxEvent
from tests.outbox.happenings import CAFE, NOON, Happened, HappenedElsewhere, happened

pytestmark = pytest.mark.django_db

FACTS = {"merchant_id": str(CAFE), "occurred_at": "2026-03-02T12:00:00+00:00", "number": 7}


def test_an_event_is_written_with_its_facts():
    outbox.publish(happened(7))

    event = OutboxEvent.objects.get()
    assert (event.kind, event.merchant_id, event.facts) == ("tests.happened", CAFE, FACTS)
    assert (event.status, event.attempts, event.backfill) == ("pending", 0, False)


def test_many_events_of_several_kinds_are_written_in_one_statement(django_assert_num_queries):
    events = [happened(7), HappenedElsewhere(merchant_id=CAFE, occurred_at=NOON, number=7)]

    with django_assert_num_queries(1):
        outbox.publish_many(events)

    written = {event.kind: event for event in OutboxEvent.objects.all()}
    assert set(written) == {"tests.happened", "tests.happened_elsewhere"}
    assert all(event.facts == FACTS and event.merchant_id == CAFE for event in written.values())
    assert all(event.pk.version == 7 for event in written.values())


def test_a_query_publishes_what_the_event_itself_would_have_said():
    written = outbox.publish_query(
        Happened,
        "SELECT %s::uuid AS merchant_id, %s::timestamptz AS occurred_at, n AS number, n * 2 AS ignored"
        " FROM generate_series(7, 8) AS n",
        [CAFE, NOON],
    )

    assert written == 2
    assert OutboxEvent.objects.get(facts__number=7).facts == FACTS
    assert OutboxEvent.objects.get(facts__number=8).pk.version == 7


def test_nothing_is_published_where_there_is_nothing_to_say(django_assert_num_queries):
    with django_assert_num_queries(0):
        outbox.publish_many([])


def test_a_change_that_is_rolled_back_tells_nobody():
    with transaction.atomic():
        outbox.publish(happened(1))
        outbox.publish_many([happened(2)])
        transaction.set_rollback(True)

    assert not OutboxEvent.objects.exists()


def test_within_backfilling_all_news_is_of_the_past():
    with outbox.backfilling():
        outbox.publish(happened(1))
        outbox.publish_many([happened(2)])
        outbox.publish(happened(3), backfill=False)
    outbox.publish(happened(4))

    of_the_past = OutboxEvent.objects.filter(backfill=True).values_list("facts__number", flat=True)
    assert sorted(of_the_past) == [1, 2]


def test_facts_are_plain_values():
    assert as_json({"on": date(2026, 3, 2), "amount": Decimal("4.50")}) == '{"on":"2026-03-02","amount":"4.50"}'
    with pytest.raises(TypeError, match="cannot carry a set"):
        as_json({"members": {1, 2}})
