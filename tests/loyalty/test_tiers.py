"""Rising through the tiers (specs: "Tiers")."""

from datetime import timedelta

import pytest

from loyalty.models import EntryType, Program, Tier, TierBasis
from loyalty.operations import points, tiers
from loyalty_site.outbox.models import OutboxEvent


@pytest.fixture
def ladder(program):
    """Silver from 100, gold from 300; platinum from 500 is switched off."""
    made = [
        Tier.objects.create(program=program, slug=slug, name=slug, point_threshold=threshold, is_active=active)
        for slug, threshold, active in (("silver", 100, True), ("gold", 300, True), ("platinum", 500, False))
    ]
    return {tier.slug: tier for tier in made}


def upgrades() -> list[tuple]:
    events = OutboxEvent.objects.filter(kind="loyalty.tier_upgraded").order_by("created_at", "id")
    return [(facts["from_tier"], facts["to_tier"]) for facts in events.values_list("facts", flat=True)]


def test_a_tier_is_reached_in_the_purchase_that_reaches_it(alice, buy, ladder):
    for order, amount, tier in (
        ("1", "9.99", None),
        ("2", "0.10", "silver"),
        ("3", "40.00", "gold"),
        ("4", "90.00", "gold"),
    ):
        buy(amount, order=order)
        alice.refresh_from_db(fields=["tier"])
        assert (alice.tier.slug if alice.tier else None) == tier

    assert upgrades() == [(None, "silver"), ("silver", "gold")]


def test_one_purchase_may_pass_several_tiers(alice, buy, ladder):
    buy("100.00")

    assert upgrades() == [(None, "gold")]


def test_a_refund_lowers_no_tier_and_an_old_copy_of_the_member_neither(alice, buy, ladder, counter, noon):
    from decimal import Decimal

    from loyalty.operations import refunds

    stale = type(alice).objects.get(pk=alice.pk)
    buy("40.00", order="1")
    refunds.refund(member=alice, store=counter, amount=Decimal("35.00"), refund_reference="R", at=noon)
    stale.program = alice.program

    buy("6.00", order="2", member=stale)

    alice.refresh_from_db()
    assert alice.tier == ladder["gold"]
    assert upgrades() == [(None, "gold")]


def test_bonuses_count_and_corrections_do_not(alice, ladder, noon):
    points.adjust(member=alice, points=1000, reason="r", actor=None, key=None, at=noon)
    assert upgrades() == []

    points.award(member=alice, type=EntryType.REFERRAL_BONUS, points=100, key="r1", at=noon)

    assert upgrades() == [(None, "silver")]


def test_rolling_points_are_those_of_the_365_days_before(alice, buy, ladder, noon):
    Program.objects.update(tier_basis=TierBasis.ROLLING)
    alice.program.refresh_from_db()
    buy("9.00", order="1")

    # On day 365, to the second, the first purchase has left the window (at - 365 x 24 h, at].
    buy("2.00", order="2", days=365)
    assert upgrades() == []
    buy("8.00", order="3", days=366)

    assert upgrades() == [(None, "silver")]
    at = noon + timedelta(days=366)
    assert tiers.qualifying_points(alice, lifetime_points=190, at=at) == 100


def test_below_the_lowest_there_is_no_tier(program, ladder):
    assert tiers.tier_for(program, 99) is None
    assert tiers.tier_for(program, 100) == ladder["silver"]
    assert tiers.tier_for(program, 10**9) == ladder["gold"]
