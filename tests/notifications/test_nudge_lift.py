"""What a campaign's messages bring, on a case that is made up to the last order."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty.operations import points, redemptions
from loyalty_site.tenants.models import Store
from notifications.models import NudgeExposure
from notifications.nudges import lift
from notifications.nudges.lift import Side
from tests.cast import make_member
from tests.notifications.nudging import campaign, give, request


@pytest.fixture
def compared(program, cafe):
    return campaign(cafe, "checkout_recovery", lift_days=10)


def exposed(program, name, noon, **sides):
    """A member on one side, with points to spend."""
    member = make_member(program, name, noon - timedelta(days=30))
    give(member, 100, at=noon - timedelta(days=20))
    NudgeExposure.objects.create(
        merchant=program.merchant, member=member, campaign_slug="checkout_recovery", last_at=noon, **sides
    )
    return member


def test_both_sides_are_counted_in_their_own_days(program, cafe, counter, compared, noon):
    nudged = [exposed(program, f"n{number}", noon, nudged_at=noon) for number in range(4)]
    held = [exposed(program, f"h{number}", noon, held_out_at=noon) for number in range(2)]

    def order(member, name, days):
        member.refresh_from_db()
        at = noon + timedelta(days=days)
        points.earn(member=member, store=counter, amount=Decimal(5), order_reference=name, at=at)

    def redeem(member, asked, picked_up):
        asked_for = request(member, 10, at=noon + timedelta(days=asked))
        redemptions.fulfil(redemption=asked_for, at=noon + timedelta(days=picked_up))
        member.refresh_from_db()

    order(nudged[0], "a", 1)
    order(nudged[0], "b", 10)
    order(nudged[1], "c", 9)
    # Before the message, in the same moment, and when its days are over: none of these.
    order(nudged[2], "d", -1)
    order(nudged[2], "e", 0)
    order(nudged[2], "f", 10.001)
    order(held[0], "g", 3)
    redeem(nudged[0], -5, 2)
    redeem(nudged[3], 1, 4)
    redeem(held[1], 1, 11)
    request(held[1], 10, at=noon + timedelta(days=1))

    found = lift.of(compared)

    assert found.nudged == Side(members=4, redeemers=2, redemptions=2, buyers=2, orders=3)
    assert found.held_out == Side(members=2, redeemers=0, redemptions=0, buyers=1, orders=1)
    assert (found.nudged.redeeming, found.held_out.buying) == (0.5, 0.5)
    assert (found.redeeming, found.buying) == (0.5, 0.0)


def test_whoever_was_on_both_sides_is_on_neither(program, cafe, compared, noon):
    exposed(program, "both", noon, nudged_at=noon, held_out_at=noon + timedelta(days=1))
    exposed(program, "one", noon, nudged_at=noon)

    assert lift.of(compared).nudged.members == 1
    assert lift.of(compared).held_out.members == 0


def test_of_nobody_there_is_no_share(compared):
    found = lift.of(compared)

    assert (found.nudged, found.held_out) == (Side(), Side())
    assert (found.redeeming, found.buying, found.nudged.buying) == (None, None, None)


def test_another_merchants_members_and_campaigns_do_not_count(program, cafe, bookshop, compared, noon):
    exposed(bookshop, "reader", noon, nudged_at=noon)
    member = exposed(program, "ana", noon, nudged_at=noon)
    NudgeExposure.objects.create(
        merchant=cafe, member=member, campaign_slug="expiring_points", held_out_at=noon, last_at=noon
    )
    Store.objects.create(merchant=bookshop.merchant, reference="shelf", name="Shelf")

    found = lift.of(compared)

    assert (found.nudged.members, found.held_out.members) == (1, 0)
