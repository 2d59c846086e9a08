"""Holding, spending and releasing points (specs: "Spending and holds")."""

from datetime import timedelta

import pytest

from loyalty import ledger
from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, LotAllocation, PointLot, Program, Redemption
from loyalty.operations import cards, points, redemptions
from loyalty.operations.orders import InvalidPoints
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import make_member, refused


@pytest.fixture
def rich(alice, buy):
    """Alice with 100 points."""
    buy("10.00")
    alice.refresh_from_db()
    return alice


def kinds() -> list[str]:
    return list(OutboxEvent.objects.order_by("id").values_list("kind", flat=True))


def test_a_hold_sets_points_aside_without_an_entry(rich, noon):
    redemption = redemptions.hold(member=rich, points=60, at=noon + timedelta(days=1), key="I-1")

    rich.refresh_from_db()
    assert (redemption.status, rich.points_balance, rich.points_held, rich.points_available) == (
        "requested",
        100,
        60,
        40,
    )
    assert LedgerEntry.objects.count() == 1
    assert rich.last_activity_at == noon + timedelta(days=1)
    assert "loyalty.redemption_requested" in kinds()


def test_what_is_held_cannot_be_spent_again(rich, counter, noon):
    redemptions.hold(member=rich, points=60, at=noon)

    with refused(ledger.InsufficientPoints) as caught:
        redemptions.redeem(member=rich, store=counter, points=41, order_reference="T-1", at=noon)
    with refused(ledger.InsufficientPoints):
        redemptions.hold(member=rich, points=41, at=noon)

    assert caught.value.facts["available"] == 40
    assert Redemption.objects.count() == 1


def test_a_hold_is_once_a_key(rich, noon):
    first = redemptions.hold(member=rich, points=60, at=noon, key="I-1")

    assert redemptions.hold(member=rich, points=60, at=noon, key="I-1").pk == first.pk
    with refused(ledger.KeyReused):
        redemptions.hold(member=rich, points=61, at=noon, key="I-1")
    rich.refresh_from_db()
    assert rich.points_held == 60


def test_a_key_of_another_member_is_refused(rich, program, noon):
    redemptions.hold(member=rich, points=60, at=noon, key="I-1")

    with refused(ledger.OrderAlreadyUsed):
        redemptions.hold(member=make_member(program, "bob"), points=60, at=noon, key="I-1")


def test_fulfilling_spends_what_was_held_and_is_no_activity(rich, noon):
    redemption = redemptions.hold(member=rich, points=60, at=noon)

    redemptions.fulfil(redemption=redemption, at=noon + timedelta(days=5))

    rich.refresh_from_db()
    entry = LedgerEntry.objects.get(type=EntryType.REDEEM)
    assert (rich.points_balance, rich.points_held, rich.last_activity_at) == (40, 0, noon)
    assert (redemption.status, redemption.entry_id) == ("fulfilled", entry.pk)
    assert (entry.points_delta, entry.metadata["redemption_id"]) == (-60, str(redemption.pk))
    assert (entry.lifetime_delta, rich.lifetime_points) == (0, 100)


@pytest.mark.parametrize("close", [redemptions.cancel, redemptions.fail])
def test_cancelling_or_failing_lets_go_of_the_hold(rich, noon, close):
    redemption = redemptions.hold(member=rich, points=60, at=noon)

    close(redemption=redemption, at=noon + timedelta(days=5), reason="sold out")

    rich.refresh_from_db()
    assert (rich.points_balance, rich.points_held, rich.last_activity_at) == (100, 0, noon)
    assert redemption.reason == "sold out"
    assert LedgerEntry.objects.count() == 1


def test_what_is_closed_stays_as_it_is(rich, noon):
    redemption = redemptions.hold(member=rich, points=60, at=noon)
    redemptions.cancel(redemption=redemption, at=noon)
    stale = Redemption.objects.get(pk=redemption.pk)
    stale.status = Redemption.Status.REQUESTED

    for change in (redemptions.fulfil, redemptions.cancel):
        assert change(redemption=stale, at=noon).status == "cancelled"
    assert redemptions.fail(redemption=stale, at=noon, reason="x").status == "cancelled"

    rich.refresh_from_db()
    assert (rich.points_balance, rich.points_held) == (100, 0)


def test_a_tills_redeem_is_hold_and_fulfil_in_one(rich, counter, noon):
    redeem = {"member": rich, "store": counter, "points": 60, "order_reference": "T-1"}

    redemption = redemptions.redeem(**redeem, at=noon + timedelta(days=1))
    again = redemptions.redeem(**redeem, at=noon + timedelta(days=2))

    rich.refresh_from_db()
    assert again.pk == redemption.pk
    assert (redemption.status, rich.points_balance, rich.points_held) == ("fulfilled", 40, 0)
    assert rich.last_activity_at == noon + timedelta(days=1)
    assert LedgerEntry.objects.get(pk=redemption.entry_id).order_reference == "T-1"
    assert {"loyalty.redemption_requested", "loyalty.redemption_fulfilled", "loyalty.points_redeemed"} <= set(kinds())


def test_the_same_order_may_earn_and_redeem(rich, counter, noon):
    redemption = redemptions.redeem(member=rich, store=counter, points=1, order_reference="W-1001", at=noon)

    assert redemption.status == "fulfilled"


def test_spending_takes_the_soonest_date_first_older_on_ties_undated_last(program, buy, counter, noon):
    undated = make_member(program, "lotte")
    buy("1.00", order="undated", member=undated)
    Program.objects.update(expiry_policy=ExpiryPolicy.LOTS)
    undated.program.refresh_from_db()
    late = buy("1.00", order="late", member=undated, days=2)
    first_of_tie = buy("1.00", order="tie-1", member=undated, days=1)
    second_of_tie = buy("1.00", order="tie-2", member=undated, days=1)

    redemptions.redeem(member=undated, store=counter, points=25, order_reference="T-1", at=noon)

    assert dict(LotAllocation.objects.values_list("lot_id", "points")) == {
        first_of_tie.pk: 10,
        second_of_tie.pk: 10,
        late.pk: 5,
    }
    redemptions.redeem(member=undated, store=counter, points=15, order_reference="T-2", at=noon)
    assert not PointLot.objects.filter(status="scheduled").exists()
    undated.refresh_from_db()
    assert undated.points_balance == 0


def test_a_lot_past_its_date_is_spendable_until_a_run_takes_it(program, buy, counter, noon):
    Program.objects.update(expiry_policy=ExpiryPolicy.LOTS)
    lotte = make_member(program, "lotte")
    lotte.program.refresh_from_db()
    buy("1.00", member=lotte)

    redemption = redemptions.redeem(
        member=lotte, store=counter, points=10, order_reference="T-1", at=noon + timedelta(days=1000)
    )

    assert redemption.status == "fulfilled"


def test_holds_older_than_the_programs_days_are_released(rich, noon):
    old = redemptions.hold(member=rich, points=30, at=noon)
    older = redemptions.hold(member=rich, points=20, at=noon - timedelta(days=1))
    young = redemptions.hold(member=rich, points=10, at=noon + timedelta(seconds=1))

    counts = redemptions.release_stale(programs=[rich.program], at=noon + timedelta(days=14))

    rich.refresh_from_db()
    assert counts == {"programs": 1, "redemptions": 2, "points": 50}
    assert rich.points_held == 10
    for redemption, status, reason in (
        (old, "cancelled", "hold_expired"),
        (older, "cancelled", "hold_expired"),
        (young, "requested", ""),
    ):
        redemption.refresh_from_db()
        assert (redemption.status, redemption.reason) == (status, reason)


def test_an_inactive_card_holds_and_redeems_nothing_but_lets_go(rich, counter, noon):
    redemption = redemptions.hold(member=rich, points=30, at=noon)
    cards.deactivate(member=rich, at=noon)

    with refused(ledger.CardInactive):
        redemptions.hold(member=rich, points=1, at=noon)
    with refused(ledger.CardInactive):
        redemptions.redeem(member=rich, store=counter, points=1, order_reference="T", at=noon)
    rich.refresh_from_db()
    assert rich.points_held == 30
    assert redemptions.cancel(redemption=redemption, at=noon).status == "cancelled"


@pytest.mark.parametrize("wrong", [0, -5, 10**12 + 1, True])
def test_a_redemption_costs_at_least_a_point(rich, noon, wrong):
    with refused(InvalidPoints):
        redemptions.hold(member=rich, points=wrong, at=noon)


def test_an_adjustment_never_goes_below_what_is_held(rich, noon):
    redemptions.hold(member=rich, points=60, at=noon)

    with refused(ledger.InsufficientPoints):
        points.adjust(member=rich, points=-41, reason="r", actor=None, key=None, at=noon)
