"""Both bodies of `ledger_post` against the model: any batch, the same outcomes, the same refusals, the same rows."""

import os
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from loyalty.ledger import Posting
from loyalty.models import EntryType, PointLot
from tests.cast import NOON, make_member
from tests.ledger import batches, reading

EXAMPLES = int(os.environ.get("LEDGER_EXAMPLES", "100"))
# Everything an example writes is rolled back, so the fixtures serve all of them.
shared = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _filled(members):
    """Value to move: lots on one second and later, points without a date, stamps, a hold, and two entries that took.

    Returns those two of each member.
    """
    earnings = [
        Posting(member=member, type=EntryType.EARN, points=points, stamps=2, expires_at=expires_at)
        for member in members
        for points, expires_at in [(3, NOON), (2, None), (3, NOON)]
    ]
    # Points that raised no lifetime, so that taking them asks for more of it than there is.
    bonus = [
        Posting(member=member, type=EntryType.ADMIN_ADJUSTMENT, points=points, expires_at=expires_at)
        for member in members
        for points, expires_at in [(14, NOON + timedelta(seconds=1)), (20, None)]
    ]
    debits = [
        Posting(member=member, type=kind, points=-points, moves_lifetime=moves)
        for member in members
        for kind, points, moves in [(EntryType.POINTS_EXPIRED, 8, False), (EntryType.REFUND, 24, True)]
    ]
    holds = [Posting(member=member, type=None, held=6) for member in members]
    reading.posted([*earnings, *bonus, *debits, *holds], at=NOON, body="rows")
    return [(posting.member.pk, posting.id) for posting in debits]


@pytest.fixture
def filled(members):
    """The entries that took something; the model of these members comes from the database."""
    return _filled(members)


def _same(members, several, *, body):
    """Post the batches, one after the other, to a model and through this body."""
    model = reading.model_of(members)
    for batch in several:
        expected = reading.modelled(model, batch, at=NOON)
        assert reading.posted(batch, at=NOON, body=body) == expected
        assert reading.books(members) == model.books
    assert reading.broken_promises() == {}


@shared
@given(data=st.data())
def test_a_batch_moves_what_the_model_moves(members, filled, data):
    several = data.draw(st.lists(batches.postings(members[:3] + members[4:], taken=filled), min_size=1, max_size=3))

    with transaction.atomic():
        _same(members, several, body="rows")
        transaction.set_rollback(True)


@shared
@given(data=st.data())
def test_a_set_moves_what_the_model_moves(members, filled, data):
    sets = batches.postings(members, taken=filled, distinct=True)
    several = data.draw(st.lists(sets, min_size=1, max_size=4))

    with transaction.atomic():
        _same(members, several, body="set")
        transaction.set_rollback(True)


class Ledger(RuleBasedStateMachine):
    """Batches of both kinds, one after the other, on the same members."""

    members: list

    @initialize()
    def begin(self):
        self.frame = transaction.atomic()
        self.frame.__enter__()
        self.taken = _filled(self.members)
        self.model = reading.model_of(self.members)

    def teardown(self):
        if hasattr(self, "frame"):
            transaction.set_rollback(True)
            self.frame.__exit__(None, None, None)

    @rule(data=st.data())
    def post_a_batch(self, data):
        self._post(data.draw(batches.postings(self.members[:3], taken=self.taken)), "rows")

    @rule(data=st.data())
    def post_a_set(self, data):
        self._post(data.draw(batches.postings(self.members, taken=self.taken, distinct=True)), "set")

    def _post(self, batch, body):
        expected = reading.modelled(self.model, batch, at=NOON)
        assert reading.posted(batch, at=NOON, body=body) == expected
        if isinstance(expected, list):
            entries = [outcome.entry for outcome in expected if outcome.entry]
            self.taken += [(entry.member, entry.id) for entry in entries if entry.points < 0]

    @invariant()
    def the_books_are_those_of_the_model(self):
        if hasattr(self, "model"):
            assert reading.books(self.members) == self.model.books
            assert reading.broken_promises() == {}


def test_batch_after_batch_the_books_are_those_of_the_model(members):
    class OfThese(Ledger):
        pass

    OfThese.members = members

    run_state_machine_as_test(OfThese, settings=settings(shared, max_examples=EXAMPLES // 4, stateful_step_count=12))
    assert not connection.needs_rollback


@pytest.mark.parametrize("body", ["rows", "set"])
def test_lifetime_points_come_back_once_however_small_the_parts(alice, body):
    start = [
        Posting(member=alice, type=EntryType.EARN, points=3),
        Posting(member=alice, type=EntryType.ADMIN_ADJUSTMENT, points=20),
        Posting(member=alice, type=EntryType.REFUND, points=-10, moves_lifetime=True),
    ]
    reading.posted(start, at=NOON, body="rows")
    part = {"member": alice, "type": EntryType.UNDO, "points": 5, "gives_back": True, "moves_lifetime": True}

    for _ in range(2):
        reading.posted([Posting(**part, answers_id=start[2].id)], at=NOON, body=body)

    alice.refresh_from_db()
    assert (alice.points_balance, alice.lifetime_points) == (23, 3)


@pytest.mark.parametrize("body", ["rows", "set"])
def test_what_another_member_answers_gives_nobody_more(alice, program, body):
    ben = make_member(program, "ben")
    taken = Posting(member=alice, type=EntryType.POINTS_EXPIRED, points=-5)
    # Ben's lot is the first in spending order.
    start = [
        Posting(member=one, type=EntryType.EARN, points=10, expires_at=NOON + timedelta(days=days))
        for one, days in [(ben, 1), (alice, 2)]
    ]
    stray = Posting(member=ben, type=EntryType.REDEEM, points=-10, answers_id=taken.id)
    reading.posted([*start, taken, stray], at=NOON, body="rows")
    giving = Posting(member=alice, type=EntryType.UNDO, points=9, gives_back=True, answers_id=taken.id, short="clamp")

    [outcome] = reading.posted([giving], at=NOON, body=body)

    assert outcome.entry.points == 5
    assert PointLot.objects.get(member=ben).consumed == 10
    assert reading.broken_promises() == {}


@pytest.mark.parametrize("body", ["rows", "set"])
def test_what_was_taken_comes_back_once_and_into_its_lots(alice, body):
    later = NOON + timedelta(days=1)
    credit = Posting(member=alice, type=EntryType.EARN, points=10, expires_at=NOON)
    taken = Posting(member=alice, type=EntryType.POINTS_EXPIRED, points=-10)
    reading.posted([credit, taken], at=NOON, body="rows")

    def give_back(points, short, until=None):
        giving = Posting(
            member=alice,
            type=EntryType.UNDO,
            points=points,
            short=short,
            gives_back=True,
            answers_id=taken.id,
            reopens_until=until,
        )
        return reading.posted([giving], at=NOON, body=body)

    [part] = give_back(4, "refuse", later)
    beyond = give_back(7, "refuse")
    [rest] = give_back(10, "clamp")
    [nothing] = give_back(10, "clamp")

    lot = PointLot.objects.get()
    assert [part.entry.points, rest.entry.points, nothing.what] == [4, 6, "skipped"]
    assert beyond == ("more_than_was_taken", {"ord": 1, "room": 6})
    assert (lot.consumed, lot.status, lot.expires_at) == (0, "scheduled", later)


@pytest.mark.parametrize("body", ["rows", "set"])
@pytest.mark.parametrize(
    ("kind", "status"),
    [("redeem", "consumed"), ("points_expired", "expired"), ("refund", "cancelled"), ("undo", "cancelled")],
)
def test_a_lot_says_how_it_ended(alice, body, kind, status):
    reading.posted([Posting(member=alice, type=EntryType.EARN, points=10, expires_at=NOON)], at=NOON, body="rows")

    reading.posted([Posting(member=alice, type=EntryType(kind), points=-10)], at=NOON, body=body)

    assert PointLot.objects.get().status == status
