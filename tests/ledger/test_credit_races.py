"""Purchases that are one statement each, at the same moment as each other and as everything else."""

import threading
from collections import Counter
from decimal import Decimal

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction

from loyalty import ledger
from loyalty.events import PointsEarned
from loyalty.ledger import KeyReused, OrderAlreadyUsed, Posting
from loyalty.models import EntryType, LedgerEntry, Member, Tier
from loyalty.operations import cards, points, redemptions
from loyalty.operations.settling import Booking, settle_alone
from loyalty.queries import reconciliation
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Store
from tests.cast import NOON, make_member, make_merchant
from tests.ledger import reading
from tests.locks import wait_until_waited_for
from tests.racing import at_once


@pytest.fixture
def counter(own_database):
    """The counter of a program with silver from 100 lifetime points on."""
    program = make_merchant("cafe")
    Tier.objects.create(program=program, slug="silver", name="Silver", point_threshold=100)
    return Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")


@pytest.fixture
def people(counter):
    """Four members, in the order of their ids, with nothing."""
    program = counter.merchant.programs.get()
    return sorted((make_member(program, name) for name in ("ann", "ben", "cleo", "dan")), key=lambda one: one.pk)


def _read(member):
    """The member as a request of its own reads it."""
    return Member.objects.select_related("program", "tier").get(pk=member.pk)


def _buying(member, counter, order, amount="0.50"):
    def work():
        return points.earn(member=_read(member), store=counter, amount=Decimal(amount), order_reference=order, at=NOON)

    return work


def _told(kind):
    return OutboxEvent.objects.filter(kind=f"loyalty.{kind}").count()


def _sound():
    assert reading.broken_promises() == {}
    assert list(reconciliation.differences()) == []


def test_the_same_order_from_20_threads_is_one_entry_for_all(people, counter):
    results = at_once(*[_buying(people[0], counter, "W-1")] * 20)

    assert {type(result) for result in results} == {LedgerEntry}
    assert len({result.pk for result in results}) == 1
    assert Counter(result.replayed for result in results) == {False: 1, True: 19}
    assert (LedgerEntry.objects.count(), _told("points_earned")) == (1, 1)
    assert Member.objects.get(pk=people[0].pk).points_balance == 5
    _sound()


@pytest.mark.parametrize("locking", [False, True], ids=["not locked before", "locked before"])
def test_the_same_order_from_20_transactions_is_one_entry_for_all(people, counter, locking):
    def work():
        with transaction.atomic():
            member = points.lock(_read(people[0])) if locking else _read(people[0])
            return points.earn(member=member, store=counter, amount=Decimal(1), order_reference="W-1", at=NOON)

    results = at_once(*[work] * 20)

    assert {type(result) for result in results} == {LedgerEntry}
    assert len({result.pk for result in results}) == 1
    assert Counter(result.replayed for result in results) == {False: 1, True: 19}
    assert (LedgerEntry.objects.count(), _told("points_earned")) == (1, 1)
    _sound()


def test_the_same_order_for_four_members_goes_to_one(people, counter):
    for round_ in range(5):
        results = at_once(*[_buying(member, counter, f"W-{round_}") for member in people])

        assert Counter(type(result) for result in results) == {LedgerEntry: 1, OrderAlreadyUsed: 3}
        assert (LedgerEntry.objects.count(), _told("points_earned")) == (round_ + 1, round_ + 1)
    _sound()


def test_the_same_order_with_two_amounts_counts_once(people, counter):
    for round_ in range(5):
        amounts = ("0.50", "0.60")
        results = at_once(*[_buying(people[0], counter, f"W-{round_}", amount) for amount in amounts])

        assert Counter(type(result) for result in results) == {LedgerEntry: 1, KeyReused: 1}
        assert (LedgerEntry.objects.count(), _told("points_earned")) == (round_ + 1, round_ + 1)
    _sound()


def _refused_behind(first, second):
    """The refusals of `second`, which begins while `first` is not committed and waits for it in the key's index."""
    refused = []

    def run():
        try:
            second()
        except OrderAlreadyUsed as refusal:
            refused.append(refusal)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        wait_until_waited_for(connection)
    thread.join(30)
    return refused


def test_another_member_waits_for_the_order_and_is_refused_after_it(people, counter):
    """The key's first writer commits while the second one's statement waits in the unique index."""
    ann, ben = people[:2]

    assert len(_refused_behind(_buying(ann, counter, "W-1"), _buying(ben, counter, "W-1"))) == 1
    assert list(LedgerEntry.objects.values_list("member_id", flat=True)) == [ann.pk]
    assert (_told("points_earned"), Member.objects.get(pk=ben.pk).last_number) == (1, 0)


def test_another_members_locked_credit_is_refused_after_its_wait(people, counter):
    """The same where the second has its member locked: its transaction is over then."""
    ann, ben = people[:2]

    @transaction.atomic
    def locked():
        booking = points.earning(
            member=points.lock(_read(ben)), store=counter, amount=Decimal(1), order_reference="W-1", at=NOON
        )
        settle_alone(booking, at=NOON)

    assert len(_refused_behind(_buying(ann, counter, "W-1"), locked)) == 1
    assert list(LedgerEntry.objects.values_list("member_id", flat=True)) == [ann.pk]


@pytest.mark.parametrize(("amount", "becomes"), [("0.50", LedgerEntry), ("0.60", KeyReused)])
def test_who_waits_for_the_same_order_of_the_same_member_hears_of_the_first(people, counter, amount, becomes):
    """Its statement began before the first entry was committed, and cannot have seen it."""
    ann = people[0]
    results = []

    def till():
        results.extend(at_once(_buying(ann, counter, "W-1", amount)))

    thread = threading.Thread(target=till)
    with transaction.atomic():
        first = _buying(ann, counter, "W-1")()
        thread.start()
        wait_until_waited_for(connection)
    thread.join(30)

    assert [type(result) for result in results] == [becomes]
    assert becomes is not LedgerEntry or (results[0].pk, results[0].replayed) == (first.pk, True)
    assert (LedgerEntry.objects.count(), _told("points_earned")) == (1, 1)
    _sound()


def test_who_waits_for_the_member_finds_the_card_off(people, counter):
    ann = people[0]
    results = []

    def till():
        results.extend(at_once(_buying(ann, counter, "W-1")))

    thread = threading.Thread(target=till)
    with transaction.atomic():
        cards.deactivate(member=_read(ann), at=NOON)
        thread.start()
        wait_until_waited_for(connection)
    thread.join(30)

    assert [type(result) for result in results] == [ledger.CardInactive]
    assert (LedgerEntry.objects.count(), _told("points_earned")) == (0, 0)


def test_purchases_beside_all_else_do_not_deadlock_and_the_books_balance(people, counter):
    def batch(round_):
        def work():
            several = [
                Posting(
                    member=member,
                    type=EntryType.WELCOME_BONUS,
                    points=3,
                    key=f"earn:B-{round_}-{place}",
                    fingerprint=b"x",
                )
                for place, member in enumerate(reversed(people))
            ]
            with transaction.atomic():
                return ledger.post(several, at=NOON)

        return work

    def spending(round_, member):
        return lambda: redemptions.redeem(
            member=_read(member), store=counter, points=2, order_reference=f"S-{round_}-{member.pk}", at=NOON
        )

    def switching(member):
        def work():
            cards.deactivate(member=_read(member), at=NOON)
            cards.reactivate(member=_read(member), at=NOON)

        return work

    outcomes = Counter()
    for round_ in range(12):
        ann, ben, *_ = people
        results = at_once(
            *[_buying(member, counter, f"W-{round_}-{member.pk}") for member in people],
            # The keys of the batch, for members of the batch.
            _buying(ann, counter, f"B-{round_}-0"),
            batch(round_),
            spending(round_, ann),
            spending(round_, ben),
            switching(ben),
        )
        outcomes.update(type(result).__name__ for result in results)

    refusals = {"CardInactive", "InsufficientPoints", "KeyReused", "OrderAlreadyUsed"}
    assert set(outcomes) <= {"LedgerEntry", "Redemption", "list", "NoneType"} | refusals
    assert outcomes["LedgerEntry"] > 24
    assert _told("points_earned") == LedgerEntry.objects.filter(type="earn").count()
    _sound()


def test_a_tier_reached_by_two_purchases_at_once_is_reached_once(people, counter):
    for member in people:
        _buying(member, counter, f"W-{member.pk}", "9.00")()

        results = at_once(*[_buying(member, counter, f"W-{order}-{member.pk}", "0.60") for order in range(2)])

        assert {type(result) for result in results} == {LedgerEntry}
        assert _read(member).tier.slug == "silver"
        event = OutboxEvent.objects.get(kind="loyalty.tier_upgraded", facts__member_id=str(member.pk))
        assert (event.facts["from_tier"], event.facts["qualifying_points"]) == (None, 102)
    _sound()


def _seen(database, member):
    """What another connection sees of the member: lifetime points, the tier, entries and news."""
    with database.connect() as other:
        return other.execute(
            """SELECT m.lifetime_points, m.tier_id IS NOT NULL,
                 (SELECT count(*) FROM loyalty_ledger_entries e WHERE e.member_id = m.id),
                 (SELECT count(*) FROM outbox_events o
                    WHERE o.kind IN ('loyalty.points_earned', 'loyalty.tier_upgraded'))
               FROM loyalty_members m WHERE m.id = %s""",
            [member.pk],
        ).fetchone()


@pytest.mark.parametrize("killed", [False, True], ids=["it goes on", "its session is killed"])
def test_a_tier_and_the_entry_that_reaches_it_are_committed_together(people, counter, own_database, killed):
    """Stopped at the commit, where the tier's foreign key is looked at, nobody sees any of it."""
    ann = people[0]
    results = []

    def till():
        results.extend(at_once(_buying(ann, counter, "W-1", "10.20")))

    thread = threading.Thread(target=till)
    with psycopg.connect(own_database.owner_url) as holding:
        holding.execute("SELECT FROM loyalty_tiers FOR UPDATE")
        thread.start()
        _wait_for_a_waiter(own_database, holding)

        assert _seen(own_database, ann) == (0, False, 0, 0)
        if killed:
            with own_database.connect() as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))",
                    [holding.info.backend_pid],
                )
            thread.join(30)
    thread.join(30)

    if killed:
        assert isinstance(results[0], DatabaseError)
        assert _seen(own_database, ann) == (0, False, 0, 0)
        # The till asks again.
        _buying(ann, counter, "W-1", "10.20")()
    assert _seen(own_database, ann) == (102, True, 1, 2)
    _sound()


def _wait_for_a_waiter(database, holding):
    for _ in range(1000):
        with database.connect() as other:
            (found,) = other.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))",
                [holding.info.backend_pid],
            ).fetchone()
        if found:
            return
        threading.Event().wait(0.02)
    raise AssertionError("Nobody waits.")


def test_a_purchase_alone_is_seen_whole_or_not_at_all(people, counter, own_database):
    """Stopped before its news is written, nobody sees the points."""
    ann = people[0]
    results = []

    def till():
        results.extend(at_once(_buying(ann, counter, "W-1")))

    thread = threading.Thread(target=till)
    with psycopg.connect(own_database.owner_url) as holding:
        holding.execute("LOCK outbox_events IN SHARE MODE")
        thread.start()
        _wait_for_a_waiter(own_database, holding)

        assert _seen(own_database, ann) == (0, False, 0, 0)
    thread.join(30)

    assert not results[0].replayed
    assert _seen(own_database, ann) == (5, False, 1, 1)


def test_stamps_settled_alone_make_their_reward_ready(people, counter):
    ann = people[0]
    target = ann.program.stamps_target
    booking = Booking(Posting(member=ann, type=EntryType.STAMP_EARNED, stamps=target), PointsEarned)

    settle_alone(booking, at=NOON)

    assert _told("reward_ready") == 1
