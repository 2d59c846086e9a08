"""The stamp card (specs: "Stamps")."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from loyalty import ledger
from loyalty.events import RewardReady
from loyalty.models import EntryType, LedgerEntry, Program
from loyalty.operations import cards, stamps
from loyalty.operations.refunds import StampsSpent
from loyalty.operations.stamps import InvalidStampCount, StampDailyCap, StampTooSoon
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import refused


@pytest.fixture
def stamp(alice, counter, noon) -> Callable[..., LedgerEntry]:
    """Alice gets stamps: stamp(3, order="W-1", minutes=5)."""

    def add(count: int = 1, *, order: str | None = None, minutes: float = 0) -> LedgerEntry:
        moment = noon + timedelta(minutes=minutes)
        return stamps.add(member=alice, store=counter, at=moment, count=count, order_reference=order)

    return add


def limit(member, **rules) -> None:
    """The program gets these limits."""
    Program.objects.update(**rules)
    member.program.refresh_from_db()


def rewards() -> int:
    return OutboxEvent.objects.filter(kind=RewardReady.kind).count()


def test_a_stamp_is_activity_and_moves_no_points(alice, stamp, noon):
    entry = stamp(2, minutes=10)

    alice.refresh_from_db()
    assert (entry.type, entry.stamps_delta, entry.points_delta) == (EntryType.STAMP_EARNED, 2, 0)
    assert (alice.stamp_count, alice.last_activity_at) == (2, noon + timedelta(minutes=10))


def test_an_order_stamps_once(alice, stamp):
    first = stamp(order="W-1")

    assert stamp(order="W-1").pk == first.pk
    with refused(ledger.KeyReused):
        stamp(2, order="W-1")


def test_stamps_and_points_of_one_order_stand_together(alice, buy, stamp):
    buy(order="W-1")
    stamp(order="W-1")

    alice.refresh_from_db()
    assert (alice.points_balance, alice.stamp_count) == (45, 1)


def test_a_reward_is_ready_each_time_the_count_reaches_a_multiple(stamp):
    for count, ready in ((9, 0), (1, 1), (9, 1), (1, 2), (25, 4)):
        stamp(count)
        assert rewards() == ready


def test_redeeming_takes_exactly_the_target(alice, counter, stamp, noon):
    stamp(12)

    entry = stamps.redeem(member=alice, store=counter, at=noon + timedelta(days=1), key="T-1")
    again = stamps.redeem(member=alice, store=counter, at=noon + timedelta(days=2), key="T-1")

    alice.refresh_from_db()
    assert again.pk == entry.pk
    assert (entry.stamps_delta, alice.stamp_count) == (-10, 2)
    assert alice.last_activity_at == noon + timedelta(days=1)


def test_a_card_that_is_not_full_is_not_redeemed(alice, counter, stamp, noon):
    stamp(9)

    with refused(ledger.InsufficientStamps) as caught:
        stamps.redeem(member=alice, store=counter, at=noon)

    assert caught.value.facts["stamps"] == 9


def test_minutes_between_stamps_are_measured_by_when_they_happened(alice, stamp):
    limit(alice, minutes_between_stamps=30)
    stamp(minutes=60)

    with refused(StampTooSoon):
        stamp(minutes=89)
    with refused(StampTooSoon):
        # Sent late by a till that was offline, and still too near.
        stamp(minutes=31)
    stamp(minutes=90)
    stamp(minutes=30)


def test_a_retry_is_no_second_stamp_and_not_too_soon(alice, stamp):
    limit(alice, minutes_between_stamps=30, stamps_per_day=1)
    first = stamp(order="W-1")

    assert stamp(order="W-1", minutes=1).pk == first.pk


def test_a_voided_stamp_stands_in_nobodys_way(alice, counter, stamp, noon):
    limit(alice, minutes_between_stamps=30, stamps_per_day=1)
    entry = stamp()
    stamps.void(store=counter, entry_id=entry.pk, reason="wrong card", at=noon)

    assert stamp(minutes=1)


def test_the_daily_cap_counts_stamps_of_the_programs_day(alice, stamp):
    limit(alice, stamps_per_day=3, time_zone="Europe/Luxembourg")
    stamp(2)

    with refused(StampDailyCap):
        stamp(2)
    stamp(1)
    # 23:00 UTC is midnight in Luxembourg.
    stamp(3, minutes=11 * 60)


def test_a_void_takes_the_stamps_back_once(alice, counter, stamp, noon):
    entry = stamp(3)

    void = stamps.void(store=counter, entry_id=entry.pk, reason="wrong card", at=noon)
    again = stamps.void(store=counter, entry_id=entry.pk, reason="wrong card", at=noon)

    alice.refresh_from_db()
    assert again.pk == void.pk
    assert (void.type, void.stamps_delta, alice.stamp_count) == (EntryType.STAMP_VOIDED, -3, 0)


def test_spent_stamps_cannot_be_voided(alice, counter, stamp, noon):
    entry = stamp(10)
    stamps.redeem(member=alice, store=counter, at=noon)

    with refused(StampsSpent):
        stamps.void(store=counter, entry_id=entry.pk, reason="too late", at=noon)


@pytest.mark.parametrize("count", [0, -1, 101, True, 1.5])
def test_what_is_no_count_of_stamps_is_refused(stamp, count):
    with refused(InvalidStampCount):
        stamp(count)


def test_an_inactive_card_gets_and_redeems_no_stamps(alice, counter, stamp, noon):
    stamp(10)
    cards.deactivate(member=alice, at=noon)

    with refused(ledger.CardInactive):
        stamp()
    with refused(ledger.CardInactive):
        stamps.redeem(member=alice, store=counter, at=noon)
