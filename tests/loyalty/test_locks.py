"""How long a member counts as read under a lock: as long as PostgreSQL holds the lock, and no longer."""

from itertools import count

import pytest
from django.db import connection, transaction

from loyalty.models import Member
from loyalty.queries import faces, locks
from tests.cast import make_member, make_merchant


class Undone(Exception):
    """What a test raises to have a block rolled back."""


_numbers = count(1)


@pytest.fixture
def alice(modules_database):
    """A member whom other connections see: commits are real."""
    return make_member(make_merchant(f"cafe-{next(_numbers)}"), "alice")


def read(member, *, for_change=True):
    [found] = faces.members("m.id = %s::uuid", [member.pk], for_change=for_change)
    return found


@pytest.fixture
def both_say(modules_database):
    """Whether the member counts as locked; PostgreSQL, asked from another connection, must say the same."""
    with modules_database.connect() as other:

        def ask(member):
            left = other.execute(
                "SELECT id FROM loyalty_members WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED", [member.pk]
            ).fetchall()
            assert locks.is_held(member) == (left == [])
            return locks.is_held(member)

        yield ask


def test_a_member_read_under_a_lock_is_held_until_the_commit_and_not_after_it(alice, both_say):
    with transaction.atomic():
        member = read(alice)
        assert both_say(member)
        Member.objects.filter(pk=member.pk).update(is_active=False)
        assert both_say(member)

    assert not both_say(member)


def test_it_is_not_held_after_a_rollback(alice, both_say):
    with pytest.raises(Undone), transaction.atomic():
        member = read(alice)
        raise Undone

    assert not both_say(member)


@pytest.mark.parametrize(
    "reads",
    [
        lambda alice: read(alice),
        lambda alice: faces.by_id(alice.pk, merchants=None),
        lambda alice: faces.by_card(alice.merchant_id, alice.card_number, for_change=True),
    ],
    ids=["members", "by_id", "by_card"],
)
def test_it_is_not_held_in_the_next_transaction(reads, alice, both_say):
    with transaction.atomic():
        member = reads(alice)
        assert both_say(member)
    with transaction.atomic():
        assert not both_say(member)
        again = reads(alice)
        assert both_say(again)
        assert not locks.is_held(member), "what was read before may be old"


def test_it_is_not_held_after_a_rollback_to_a_savepoint_before_it(alice, both_say):
    with transaction.atomic():
        with pytest.raises(Undone), transaction.atomic():
            member = read(alice)
            assert both_say(member)
            raise Undone
        assert not both_say(member)


def test_it_is_not_held_after_a_rollback_to_a_savepoint_two_before_it(alice, both_say):
    with transaction.atomic():
        with pytest.raises(Undone), transaction.atomic():
            with transaction.atomic():
                member = read(alice)
            assert both_say(member)
            raise Undone
        assert not both_say(member)


def test_it_is_held_after_a_rollback_to_a_savepoint_after_it(alice, both_say):
    with transaction.atomic():
        member = read(alice)
        with pytest.raises(Undone), transaction.atomic():
            assert both_say(member)
            raise Undone
        assert both_say(member)


def test_it_is_held_after_the_nested_block_that_read_it(alice, both_say):
    with transaction.atomic():
        with transaction.atomic():
            member = read(alice)
        assert both_say(member)


@transaction.atomic(savepoint=False)
def lock(*, member, both_say):
    """An operation that is called with what it returned."""
    was_held = both_say(member)
    return was_held, read(member)


def test_it_is_not_held_in_the_next_call_of_the_same_operation(alice, both_say):
    _, member = lock(member=alice, both_say=both_say)

    was_held, again = lock(member=member, both_say=both_say)

    assert (was_held, both_say(again)) == (False, False)


def test_it_is_held_in_the_next_call_within_one_transaction(alice, both_say):
    with transaction.atomic():
        _, member = lock(member=alice, both_say=both_say)
        was_held, _ = lock(member=member, both_say=both_say)

    assert was_held


def test_it_is_not_held_when_its_connection_is_closed_and_another_begun(alice, both_say):
    with transaction.atomic():
        member = read(alice)
    connection.close()

    with transaction.atomic():
        assert not both_say(member)


def test_a_member_read_without_a_lock_or_outside_of_a_transaction_is_not_held(alice, both_say):
    assert not both_say(read(alice, for_change=False))
    assert not both_say(read(alice)), "each statement is a transaction of its own"
    with transaction.atomic():
        assert not both_say(read(alice, for_change=False))
        assert not both_say(alice)


def test_a_lock_on_one_member_is_none_on_another(alice, both_say):
    bob = make_member(alice.program, "bob")

    with transaction.atomic():
        assert both_say(read(alice))
        assert not both_say(read(bob, for_change=False))
