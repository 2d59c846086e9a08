"""`credit` beside `ledger.post`: the same outcomes, the same refusals, the same rows, byte for byte."""

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty import ledger
from loyalty.events import PointsEarned
from loyalty.ledger import Posting
from loyalty.ledger_credit import credit, is_plain
from loyalty.models import EntryType, LedgerEntry
from loyalty.operations import points
from loyalty.operations.settling import Booking, settle, settle_alone
from loyalty_site.ids import new_id
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Store
from tests.cast import NOON, make_member, make_merchant
from tests.ledger import batches, reading
from tests.ledger.test_bodies import EXAMPLES, shared

_numbers = count(1)


@pytest.fixture
def filled(members):
    """Value to move, and two entries that took, of each member. Returns those."""
    start = [
        Posting(member=member, type=EntryType.EARN, points=each, stamps=2, expires_at=expires_at)
        for member in members
        for each, expires_at in [(20, NOON), (9, None)]
    ]
    debits = [Posting(member=member, type=EntryType.POINTS_EXPIRED, points=-8) for member in members]
    holds = [Posting(member=member, type=None, held=6) for member in members]
    reading.posted([*start, *debits, *holds], at=NOON, body="rows")
    return [(posting.member.pk, posting.id) for posting in debits]


def _booking(posting):
    return Booking(posting, PointsEarned if posting.type is not None else None)


def _in_a_transaction(posting):
    """Settle it with the member locked before, as a till's request does."""
    with transaction.atomic():
        locked = points.lock(posting.member)
        [posted] = settle([_booking(replace(posting, member=locked))], at=NOON)
    return posted


def _alone(posting):
    return settle_alone(_booking(posting), at=NOON)


def _settled(posting, settling):
    """What `reading.posted` says, of one posting settled like this."""
    try:
        return [reading.outcome_of(settling(posting))]
    except Refusal as refusal:
        return refusal.code, refusal.facts
    except (DatabaseError, ValueError):
        return reading.FAULT


def _same(members, postings, settling):
    model = reading.model_of(members)
    for posting in postings:
        expected = reading.modelled(model, [posting], at=NOON)
        assert _settled(posting, settling) == expected
        assert reading.books(members) == model.books
    assert reading.broken_promises() == {}


def _any(members, stores, taken):
    """Postings of any kind, one by one; every other one is a credit."""
    one = batches.postings(members, taken=taken, most=1).map(lambda batch: batch[0])
    return st.lists(one | batches.plain_credits(members, stores=stores, taken=taken), min_size=1, max_size=6)


def _counter(member):
    return Store.objects.create(merchant=member.merchant, reference="counter", name="Counter").pk


@shared
@given(data=st.data())
def test_with_the_member_locked_any_posting_moves_what_the_model_moves(members, filled, data):
    mine = members[:3] + members[4:]

    with transaction.atomic():
        _same(members, data.draw(_any(mine, [_counter(mine[0])], filled)), _in_a_transaction)
        transaction.set_rollback(True)


def test_alone_any_posting_moves_what_the_model_moves(own_database):
    """Nothing is rolled back: each example has a merchant of its own."""

    @settings(shared, max_examples=max(EXAMPLES // 4, 5), database=None)
    @given(data=st.data())
    def holds(data):
        number = next(_numbers)
        program = make_merchant(f"cafe{number}")
        members = [make_member(program, f"{name}{number}") for name in ("ann", "ben", "cleo")]
        members[2].is_active = False
        members[2].save()
        start = [Posting(member=member, type=EntryType.EARN, points=20, expires_at=NOON) for member in members]
        debits = [Posting(member=member, type=EntryType.REFUND, points=-5) for member in members]
        reading.posted([*start, *debits], at=NOON, body="rows")
        taken = [(posting.member.pk, posting.id) for posting in debits]
        _same(members, data.draw(_any(members, [_counter(members[0])], taken)), _alone)

    holds()
    assert not connection.in_atomic_block


_ROWS = """
SELECT (SELECT to_jsonb(m)::text FROM loyalty_members m WHERE m.id = %(member)s),
       (SELECT jsonb_agg(to_jsonb(e))::text FROM loyalty_ledger_entries e WHERE e.id = %(id)s),
       (SELECT jsonb_agg(to_jsonb(o) - 'created_at')::text FROM outbox_events o WHERE o.id = %(id)s),
       (SELECT facts::text FROM outbox_events o WHERE o.id = %(id)s)
"""


def _rows(posting):
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, {"member": posting.member.pk, "id": posting.id})
        return cursor.fetchone()


def _undone(write, posting):
    """The rows that this way of writing leaves, and what it returned; both undone."""
    with transaction.atomic():
        posted = write(posting)
        rows = _rows(posting)
        transaction.set_rollback(True)
    return rows, posted


def _by_post(posting):
    return ledger.post([posting], at=NOON, body="rows", news=["loyalty.points_earned"])[0]


def _by_credit(posting):
    return credit(posting, at=NOON, news="loyalty.points_earned")


@shared
@given(data=st.data())
def test_a_credit_writes_to_the_byte_what_ledger_post_writes(members, filled, data):
    with transaction.atomic():
        posting = data.draw(batches.plain_credits(members[:3], stores=[_counter(members[0])], taken=filled))
        if is_plain(posting):
            rows, posted = _undone(_by_post, posting)
            assert rows[2] is not None
            again, credited = _undone(_by_credit, posting)
            assert again == rows
            assert _facts(credited) == _facts(posted)
        transaction.set_rollback(True)


def _facts(posted):
    """All that the answer says; the entry column by column."""
    return (
        {field.attname: getattr(posted.entry, field.attname) for field in LedgerEntry._meta.concrete_fields},
        [getattr(posted, name) for name in type(posted).__slots__ if name != "entry"],
    )


@shared
@given(data=st.data(), below=st.integers(0, 60))
def test_lifetime_points_never_reach_the_bound(members, filled, data, below):
    with transaction.atomic():
        counter = _counter(members[0])
        for posting in data.draw(
            st.lists(batches.plain_credits(members[:2], stores=[counter]), min_size=1, max_size=5)
        ):
            if not is_plain(posting):
                continue
            before, told = reading.books(members), OutboxEvent.objects.count()
            due = before.cards[posting.member.pk].lifetime + (posting.points if posting.lifetime_moves else 0)
            posted = credit(posting, at=NOON, news="loyalty.points_earned", below=below)
            if posted is None:
                assert (reading.books(members), OutboxEvent.objects.count()) == (before, told)
                assert due >= below or posting.key is not None
            else:
                assert posted.lifetime_points == due < below
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("change", "plain"),
    [
        ({}, True),
        ({"points": 0}, True),
        ({"points": 0, "stamps": 3}, True),
        ({"short": ledger.Short.SKIP}, True),
        ({"points": 0, "expires_at": NOON}, True),
        ({"short": ledger.Short.CLAMP}, False),
        ({"expires_at": NOON + timedelta(days=1)}, False),
        ({"points": -1}, False),
        ({"stamps": -1}, False),
        ({"held": 1}, False),
        ({"held": -1}, False),
        ({"gives_back": True}, False),
        ({"type": None, "points": 0}, False),
    ],
    ids=repr,
)
def test_plain_is_what_only_gives(alice, change, plain):
    assert is_plain(replace(Posting(member=alice, type=EntryType.EARN, points=5), **change)) is plain


def test_a_key_that_came_before_is_left_to_ledger_post(alice):
    posting = Posting(member=alice, type=EntryType.EARN, points=5, key="k", fingerprint=b"x")

    first = credit(posting, at=NOON, news="loyalty.points_earned")
    again = credit(replace(posting, id=new_id()), at=NOON)

    assert first.created
    assert again is None
    assert LedgerEntry.objects.count() == 1
