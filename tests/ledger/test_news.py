"""The news of an entry, written beside it by the function that writes the entry."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import transaction

from loyalty import ledger
from loyalty.events import EntryEvent, PointsEarned
from loyalty.ledger import InsufficientPoints, Posting, Short
from loyalty.models import EntryType, LedgerEntry
from loyalty.operations import points, refunds, stamps
from loyalty_site import outbox
from loyalty_site.outbox.events import as_json, facts_of
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import NOON

pytestmark = pytest.mark.django_db


def _told(entry):
    return OutboxEvent.objects.get(pk=entry.pk)


def test_the_news_says_of_an_entry_what_the_entry_says(buy, alice, counter):
    buy(order='"W-1001"')
    stamps.add(member=alice, store=counter, count=2, order_reference="W-1001", at=NOON)
    refunds.refund(member=alice, store=counter, amount=Decimal(100), refund_reference="B-1", at=NOON)

    entries = LedgerEntry.objects.filter(member=alice)
    assert len(entries) >= 3
    for entry in entries:
        event = _told(entry)
        expected = EntryEvent.of(SimpleNamespace(entry=entry))
        assert event.facts == json.loads(as_json(facts_of(expected)))
        assert event.merchant_id == alice.merchant_id
        assert not event.backfill
    assert _told(entries.get(type="earn")).kind == PointsEarned.kind


def test_the_news_of_a_credit_says_what_the_entry_says(buy, alice):
    with transaction.atomic(), outbox.backfilling():
        entry = buy(member=points.lock(alice), order='"W-1002"')

    event = _told(entry)
    stored = LedgerEntry.objects.get(pk=entry.pk)
    assert event.facts == json.loads(as_json(facts_of(EntryEvent.of(SimpleNamespace(entry=stored)))))
    assert (event.kind, event.merchant_id, event.backfill) == (PointsEarned.kind, alice.merchant_id, True)


def test_a_retry_and_a_refusal_tell_nothing(buy, alice):
    buy()
    told = OutboxEvent.objects.count()

    buy()
    spend = Posting(member=alice, type=EntryType.REDEEM, points=-1000, short=Short.REFUSE)
    with pytest.raises(InsufficientPoints), transaction.atomic():
        ledger.post([spend], at=NOON, news=["loyalty.points_redeemed"])

    assert OutboxEvent.objects.count() == told


def test_news_within_backfilling_is_of_the_past(buy):
    with outbox.backfilling():
        entry = buy()

    assert _told(entry).backfill
