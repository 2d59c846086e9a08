"""Postings that a query makes: what it leaves out, what is told of them, and what is refused."""

import json

import pytest
from django.db import transaction

from loyalty import ledger, ledger_sets
from loyalty.events import EntryEvent, PointsAwarded
from loyalty.models import EntryType, LedgerEntry, Member
from loyalty_site.outbox.events import as_json, facts_of
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import NOON, make_member, make_merchant
from tests.ledger import reading

BARE = "SELECT id AS member_id, 'tier_bonus' AS type, 5 AS points FROM loyalty_members ORDER BY id"
FULL = """
    SELECT id AS member_id, 'tier_bonus' AS type, 5 AS points, 2 AS stamps, 1 AS held, true AS moves_lifetime,
           'bonus:' || id AS key, %(at)s::timestamptz + interval '1 day' AS expires_at, 'thanks' AS description,
           '{"kind": "bonus"}'::jsonb AS metadata, %(at)s::timestamptz - interval '1 hour' AS occurred_at
      FROM loyalty_members"""


@pytest.fixture
def people(own_database):
    """Three members of one merchant; what was told of them so far is gone."""
    program = make_merchant("cafe", welcome_bonus=100)
    made = [make_member(program, name) for name in ("ann", "ben", "cleo")]
    OutboxEvent.objects.all().delete()
    return made


def _post(query, **more):
    with transaction.atomic():
        return ledger_sets.post_query(query, {"at": NOON}, at=NOON, news=PointsAwarded, **more)


def test_what_a_query_leaves_out_is_nothing(people):
    written = _post(BARE)

    assert (written.entries, written.points, written.tally) == (3, 15, 0)
    for member in Member.objects.all():
        entry = LedgerEntry.objects.get(member=member, number=2)
        assert (entry.points_delta, entry.points_balance_after) == (5, 105)
        assert (entry.stamps_delta, entry.lifetime_delta) == (0, 0)
        assert (entry.key, entry.description, entry.metadata, entry.occurred_at) == (None, "", {}, NOON)
        assert (member.points_balance, member.points_held, member.lifetime_points) == (105, 0, 100)
    assert reading.broken_promises() == {}


def test_a_query_may_give_every_field(people):
    written = _post(FULL, tally="count(DISTINCT e.metadata ->> 'kind')")

    assert written == ledger_sets.Written(entries=3, points=15, tally=1)
    for member in Member.objects.all():
        entry = LedgerEntry.objects.get(key=f"bonus:{member.pk}")
        assert (entry.member_id, entry.description, entry.metadata) == (member.pk, "thanks", {"kind": "bonus"})
        assert (member.stamp_count, member.points_held, member.lifetime_points) == (2, 1, 105)
        assert member.lots.get().pk == entry.pk


def test_each_entry_is_told_of_as_if_it_had_been_posted_alone(people):
    _post(FULL)

    told = {event.facts["entry_id"]: event for event in OutboxEvent.objects.all()}
    entries = LedgerEntry.objects.filter(number=2)
    assert len(told) == len(entries) == 3
    for entry in entries:
        posted = ledger.Posted(None, entry, True, True, 0, 0, 0, 0)
        assert told[str(entry.pk)].kind == PointsAwarded.kind
        assert told[str(entry.pk)].merchant_id == entry.merchant_id
        assert told[str(entry.pk)].facts == json.loads(as_json(facts_of(EntryEvent.of(posted))))


def test_a_key_that_came_before_posts_nothing_and_is_not_told_of(people):
    _post(FULL)
    OutboxEvent.objects.all().delete()

    assert _post(FULL) == ledger_sets.Written(entries=0, points=0, tally=0)
    assert not OutboxEvent.objects.exists()


def test_one_refusal_posts_nothing_of_the_query(people):
    with transaction.atomic():
        spent = ledger.Posting(member=people[1], type=EntryType.REDEEM, points=-60)
        ledger.post([spent], at=NOON)

    with pytest.raises(ledger.InsufficientPoints) as refused:
        _post("SELECT id AS member_id, 'redeem' AS type, -100 AS points FROM loyalty_members ORDER BY id")

    assert refused.value.facts["available"] == 40
    assert LedgerEntry.objects.count() == 4
    assert not OutboxEvent.objects.exists()


def test_the_query_of_a_transaction_that_posted_is_a_mistake(people):
    with pytest.raises(RuntimeError, match="posted before"), transaction.atomic():
        ledger.post([ledger.Posting(member=people[0], type=EntryType.TIER_BONUS, points=1)], at=NOON)
        ledger_sets.post_query(BARE, {"at": NOON}, at=NOON, news=PointsAwarded)

    assert {member.points_balance for member in Member.objects.all()} == {100}


def test_a_query_outside_a_transaction_is_a_mistake(people):
    with pytest.raises(RuntimeError, match="needs a transaction"):
        ledger_sets.post_query(BARE, {}, at=NOON, news=PointsAwarded)
