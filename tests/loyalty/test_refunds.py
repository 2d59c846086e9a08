"""Refunds and voids (specs: "Refund", "Void")."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty import ledger
from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, PointLot
from loyalty.operations import cards, points, redemptions, refunds
from loyalty.operations.refunds import NotVoidable, OrderNotFound, VoidTooLate
from loyalty_site.refusals import NotFound
from tests.cast import make_member, refused


@pytest.fixture
def give_back(alice, counter, noon) -> Callable[..., LedgerEntry]:
    """Alice returns something: give_back("10.00", order="W-1001")."""

    def refund(amount: str, *, ref: str = "R-1", order: str | None = None, member=None) -> LedgerEntry:
        return refunds.refund(
            member=member or alice,
            store=counter,
            amount=Decimal(amount),
            refund_reference=ref,
            order_reference=order,
            at=noon + timedelta(days=1),
        )

    return refund


def test_an_order_keeps_the_floor_of_its_share(alice, buy, give_back):
    buy("9.99")  # 99 points

    first = give_back("3.33", ref="R-1", order="W-1001")
    second = give_back("3.33", ref="R-2", order="W-1001")
    third = give_back("3.33", ref="R-3", order="W-1001")

    # floor(99 x 6.66 / 9.99) = 66, floor(99 x 3.33 / 9.99) = 33, then nothing: no point is lost on the way.
    assert [entry.points_delta for entry in (first, second, third)] == [-33, -33, -33]
    alice.refresh_from_db()
    assert (alice.points_balance, alice.lifetime_points) == (0, 0)


def test_refunds_beyond_the_order_take_no_more_than_it_kept(alice, buy, give_back):
    buy("10.00")
    points.adjust(member=alice, points=500, reason="gift", actor=None, key=None, at=alice.last_activity_at)

    full = give_back("25.00", ref="R-1", order="W-1001")
    more = give_back("1.00", ref="R-2", order="W-1001")

    assert (full.points_delta, full.requested, full.shortfall) == (-100, 100, 0)
    assert (more.points_delta, more.requested) == (0, 0)


def test_an_order_of_nothing_requests_nothing(buy, give_back):
    buy("0.00")

    assert give_back("5.00", order="W-1001").requested == 0


def test_without_an_order_the_amount_counts_at_the_rate(buy, give_back):
    buy("10.00")

    assert give_back("2.59").points_delta == -25


def test_what_is_not_there_is_a_shortfall_and_not_owed(alice, buy, give_back):
    buy("10.00")
    redemptions.hold(member=alice, points=70, at=alice.last_activity_at)

    entry = give_back("10.00")

    assert (entry.points_delta, entry.requested, entry.shortfall) == (-30, 100, 70)
    alice.refresh_from_db()
    assert (alice.points_balance, alice.points_held, alice.lifetime_points) == (70, 70, 70)
    buy("1.00", order="2")
    alice.refresh_from_db()
    assert alice.points_balance == 80


def test_a_refund_that_takes_nothing_is_an_entry_of_nothing(alice, give_back):
    entry = give_back("10.00")

    assert (entry.points_delta, entry.requested, entry.shortfall, entry.number) == (0, 100, 100, 1)


def test_a_refund_is_once_a_reference_and_no_activity(alice, buy, give_back, noon):
    buy("10.00")

    assert give_back("1.00").pk == give_back("1.00").pk
    with refused(ledger.KeyReused):
        give_back("2.00")
    with refused(ledger.KeyReused):
        give_back("1.00", order="W-1001")
    alice.refresh_from_db()
    assert (alice.points_balance, alice.last_activity_at) == (90, noon)


def test_an_unknown_order_or_anothers_is_not_found(program, buy, give_back):
    buy("10.00")
    bob = make_member(program, "bob")

    with refused(OrderNotFound):
        give_back("1.00", order="W-9999")
    with refused(OrderNotFound):
        give_back("1.00", order="W-1001", member=bob)


def test_a_refund_takes_lots_in_spending_order_not_the_orders_own_first(program, buy, give_back):
    type(program).objects.update(expiry_policy=ExpiryPolicy.LOTS)
    alice = make_member(program, "lotte")
    alice.program.refresh_from_db()
    early = buy("10.00", order="1", member=alice)
    late = buy("10.00", order="2", member=alice, days=1)

    give_back("5.00", order="2", member=alice)

    left = dict(PointLot.objects.values_list("pk", "consumed"))
    assert left == {early.pk: 50, late.pk: 0}


def test_a_refund_works_on_an_inactive_card(alice, buy, give_back, noon):
    buy("10.00")
    cards.deactivate(member=alice, at=noon)

    assert give_back("1.00").points_delta == -10


def test_a_void_undoes_the_order_once_and_leaves_the_clock(alice, buy, counter, noon):
    entry = buy("10.00", days=2)

    void = refunds.void(store=counter, entry_id=entry.pk, reason="typing", at=noon + timedelta(days=3))
    again = refunds.void(store=counter, entry_id=entry.pk, reason="twice", at=noon + timedelta(days=30))

    alice.refresh_from_db()
    assert again.pk == void.pk
    assert (void.type, void.points_delta, void.answers_id) == (EntryType.UNDO, -100, entry.pk)
    assert (alice.points_balance, alice.lifetime_points) == (0, 0)
    assert alice.last_activity_at == noon + timedelta(days=2)


def test_the_reference_of_a_voided_order_stays_used(buy, counter, noon):
    entry = buy("10.00")
    refunds.void(store=counter, entry_id=entry.pk, reason="typing", at=noon)

    assert buy("10.00").pk == entry.pk


def test_a_void_takes_what_the_order_still_keeps(alice, buy, give_back, counter, noon):
    entry = buy("10.00")
    give_back("4.00", order="W-1001")

    void = refunds.void(store=counter, entry_id=entry.pk, reason="typing", at=noon)
    after = give_back("6.00", ref="R-2", order="W-1001")

    assert void.points_delta == -60
    assert (after.requested, after.points_delta) == (0, 0)


def test_a_void_that_finds_too_little_moves_nothing(alice, buy, counter, noon):
    entry = buy("10.00")
    redemptions.redeem(member=alice, store=counter, points=1, order_reference="T-1", at=noon)

    with refused(ledger.InsufficientPoints):
        refunds.void(store=counter, entry_id=entry.pk, reason="typing", at=noon)

    alice.refresh_from_db()
    assert alice.points_balance == 99


def test_a_void_is_possible_for_the_programs_hours(buy, counter, noon):
    entry = buy("10.00")

    with refused(VoidTooLate):
        refunds.void(store=counter, entry_id=entry.pk, reason="late", at=noon + timedelta(hours=24, seconds=1))

    assert refunds.void(store=counter, entry_id=entry.pk, reason="in time", at=noon + timedelta(hours=24))


def test_only_an_order_or_stamp_of_this_store_is_voidable(alice, buy, cafe, counter, noon, bookworm):
    entry = buy("10.00")
    bonus = points.award(member=alice, type=EntryType.TIER_BONUS, points=5, key="b", at=noon)
    web = cafe.stores.create(reference="web", name="Web")
    shop = bookworm.merchant.stores.create(reference="1", name="Shop")

    with refused(NotVoidable):
        refunds.void(store=web, entry_id=entry.pk, reason="other till", at=noon)
    with refused(NotVoidable):
        refunds.void(store=counter, entry_id=bonus.pk, reason="not an order", at=noon)
    with refused(NotFound):
        refunds.void(store=shop, entry_id=entry.pk, reason="other merchant", at=noon)


def test_a_void_works_on_an_inactive_card(alice, buy, counter, noon):
    entry = buy("10.00")
    cards.deactivate(member=alice, at=noon)

    assert refunds.void(store=counter, entry_id=entry.pk, reason="typing", at=noon).points_delta == -100
