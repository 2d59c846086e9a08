"""Where and how often `ledger.post` may be called, and one key from several sides at once."""

import threading

import pytest
from django.db import DatabaseError, connection, transaction

from loyalty import ledger
from loyalty.ledger import Posting
from loyalty.models import EntryType, LedgerEntry, Member
from tests.cast import NOON, make_member, make_merchant, refused
from tests.ledger import reading
from tests.racing import at_once


@pytest.fixture
def people(own_database):
    """Four members of one merchant, in the order of their ids, each with points."""
    program = make_merchant("cafe", welcome_bonus=100)
    return sorted((make_member(program, name) for name in ("ann", "ben", "cleo", "dan")), key=lambda one: one.pk)


def _earn(member, key, points=5, **more):
    return Posting(member=member, type=EntryType.EARN, points=points, key=key, fingerprint=b"x" * 16, **more)


def _posting(batch, *, body="rows", held_until=None):
    """Work that posts this batch in a transaction, and commits only when the barrier has been reached."""

    def work():
        with transaction.atomic():
            posted = ledger.post(batch, at=NOON, body=body)
            if held_until is not None:
                held_until.wait(30)
        return posted

    return work


def test_posting_outside_a_transaction_is_a_mistake(people):
    with pytest.raises(RuntimeError, match="needs a transaction"):
        ledger.post([_earn(people[0], "k")], at=NOON)

    assert Member.objects.get(pk=people[0].pk).points_balance == 100


def test_a_transaction_posts_once(people):
    with pytest.raises(RuntimeError, match="posted before"), transaction.atomic():
        ledger.post([_earn(people[0], "k1")], at=NOON)
        ledger.post([_earn(people[1], "k2")], at=NOON)

    assert {member.points_balance for member in Member.objects.all()} == {100}


def test_the_next_transaction_posts_again(people):
    for key in ("k1", "k2"):
        with transaction.atomic():
            ledger.post([_earn(people[0], key)], at=NOON)

    assert Member.objects.get(pk=people[0].pk).points_balance == 110


@pytest.mark.parametrize("body", ["rows", "set"])
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_snapshot_is_no_ground_to_decide_on(people, body, level):
    with pytest.raises(DatabaseError, match="READ COMMITTED alone"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        ledger.post([_earn(people[0], "k")], at=NOON, body=body)

    assert Member.objects.get(pk=people[0].pk).points_balance == 100


@pytest.mark.parametrize("body", ["rows", "set"])
def test_what_one_posting_refuses_none_of_the_batch_does(people, body):
    first, second, *_ = people
    spend = Posting(member=second, type=EntryType.REDEEM, points=-101)

    with refused(ledger.InsufficientPoints) as caught:
        ledger.post([_earn(first, "k"), spend], at=NOON, body=body)

    assert caught.value.facts == {"ord": 2, "available": 100}
    assert {member.points_balance for member in Member.objects.all()} == {100}


def test_the_same_key_from_20_threads_posts_once(people):
    results = at_once(*[_posting([_earn(people[0], "order")])] * 20)

    assert [type(result) for result in results] == [list] * 20
    assert sum(one.created for [one] in results) == 1
    assert len({one.entry.pk for [one] in results}) == 1
    assert Member.objects.get(pk=people[0].pk).points_balance == 105
    assert reading.broken_promises() == {}


@pytest.mark.parametrize("body", ["rows", "set"])
def test_the_same_key_for_two_members_at_once_goes_to_one_and_refuses_the_other(people, body):
    works = [_posting([_earn(member, "order")], body=body) for member in people]

    results = at_once(*works)

    won = [result for result in results if isinstance(result, list)]
    lost = [type(result) for result in results if not isinstance(result, list)]
    assert len(won) == 1
    assert lost == [ledger.OrderAlreadyUsed] * 3
    assert LedgerEntry.objects.filter(key="order").count() == 1


@pytest.mark.parametrize("body", ["rows", "set"])
def test_a_key_comes_back_for_the_same_request_of_the_same_member_alone(people, body):
    first, second, *_ = people
    [posted] = _posting([_earn(first, "order")])()

    [again] = _posting([_earn(first, "order")], body=body)()

    assert (again.created, again.entry.pk) == (False, posted.entry.pk)
    with refused(ledger.OrderAlreadyUsed):
        ledger.post([_earn(second, "order")], at=NOON, body=body)
    with refused(ledger.KeyReused):
        ledger.post([Posting(member=first, type=EntryType.EARN, key="order", fingerprint=b"y")], at=NOON, body=body)


@pytest.mark.parametrize("body", ["rows", "set"])
def test_a_key_that_two_members_bring_in_one_batch_refuses_it(people, body):
    first, second, third, _ = people
    too_much = Posting(member=third, type=EntryType.REDEEM, points=-1000)

    with refused(ledger.OrderAlreadyUsed) as caught:
        ledger.post([_earn(first, "order"), _earn(second, "order"), too_much], at=NOON, body=body)

    assert caught.value.facts == {"ord": 2, "key": "order"}


def test_a_key_whose_first_user_rolled_back_goes_to_the_next(people):
    first, second, *_ = people
    waiting = threading.Barrier(2)

    def gives_up():
        with transaction.atomic():
            ledger.post([_earn(first, "order")], at=NOON)
            waiting.wait(30)
            transaction.set_rollback(True)

    def follows():
        waiting.wait(30)
        return _posting([_earn(second, "order")])()

    _, [one] = at_once(gives_up, follows)

    assert one.created
    assert LedgerEntry.objects.get(key="order").member_id == second.pk


@pytest.mark.parametrize("bodies", [("rows", "rows"), ("set", "set"), ("rows", "set")], ids="-".join)
def test_two_batches_that_bring_each_others_keys_wait_and_do_not_deadlock(people, bodies):
    ann, ben, cleo, dan = people
    here = [_earn(ann, "one"), _earn(cleo, "two")]
    there = [_earn(ben, "two"), _earn(dan, "one")]

    for round_ in range(10):
        one, two = (
            [Posting(**{**_fields(posting), "key": f"{posting.key}{round_}"}) for posting in batch]
            for batch in (here, there)
        )
        results = at_once(_posting(one, body=bodies[0]), _posting(two, body=bodies[1]))

        assert sorted(type(result).__name__ for result in results) == ["OrderAlreadyUsed", "list"]
    assert reading.broken_promises() == {}


def _fields(posting):
    return {"member": posting.member, "type": posting.type, "points": posting.points, "fingerprint": b"x" * 16}


def test_batches_that_name_members_in_opposite_order_wait_for_each_other(people):
    batch = [_earn(member, None, occurred_at=NOON) for member in people]
    renewed = [Posting(member=posting.member, type=EntryType.EARN, points=5) for posting in reversed(batch)]

    results = at_once(*[_posting(batch_) for batch_ in (batch, renewed)])

    assert [type(result) for result in results] == [list, list]
    assert {member.points_balance for member in Member.objects.all()} == {110}


@pytest.mark.parametrize("body", ["rows", "set"])
def test_a_batch_decides_on_what_it_finds_after_the_wait(people, body):
    ann = people[0]
    first_has_posted = threading.Barrier(2)

    def spends_first():
        with transaction.atomic():
            ledger.post([Posting(member=ann, type=EntryType.REDEEM, points=-80)], at=NOON)
            first_has_posted.wait(30)
            # Time for the other to queue behind the lock; it would be right without, only prove less.
            connection.cursor().execute("SELECT pg_sleep(0.3)")

    def spends_then():
        first_has_posted.wait(30)
        return _posting([Posting(member=ann, type=EntryType.REFUND, points=-80, short="clamp")], body=body)()

    _, [one] = at_once(spends_first, spends_then)

    assert one.entry.points_delta == -20
    assert Member.objects.get(pk=ann.pk).points_balance == 0
