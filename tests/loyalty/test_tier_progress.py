"""How far it is to the next tier (specs: "Tiers")."""

from datetime import timedelta

import pytest

from loyalty.models import Program, Tier, TierBasis
from loyalty.queries.progress import progress, progress_of

SILVER = Tier(slug="silver", point_threshold=100, benefits=["Free coffee"])
GOLD = Tier(slug="gold", point_threshold=300, benefits=["Free cake", "Own mug"])
LADDER = [SILVER, GOLD]


@pytest.mark.parametrize(
    ("tier", "points", "expected"),
    [
        (None, 0, 0.0),
        (None, 25, 0.25),
        (SILVER, 100, 0.0),
        (SILVER, 150, 0.25),
        (SILVER, 299, 0.995),
    ],
)
def test_progress_is_measured_from_the_tier_held_to_the_next(tier, points, expected):
    assert progress(LADDER, tier, points).progress == expected


def test_progress_is_never_below_0_nor_above_1():
    assert progress(LADDER, SILVER, 40).progress == 0
    # Raised thresholds are applied by a job: until then a member may have more than the next tier needs.
    assert progress(LADDER, SILVER, 900).progress == 1
    assert progress(LADDER, None, -5).progress == 0


def test_at_the_top_progress_is_1_and_nothing_is_upcoming():
    top = progress(LADDER, GOLD, 120)

    assert (top.current, top.next, top.progress, top.upcoming_benefits) == (GOLD, None, 1.0, [])


def test_without_tiers_progress_is_0():
    assert progress([], None, 500).progress == 0
    # A tier that was switched off leads nowhere either.
    assert progress([], SILVER, 500).progress == 0


def test_upcoming_benefits_are_those_of_the_next_tier():
    assert progress(LADDER, None, 0).upcoming_benefits == ["Free coffee"]
    assert progress(LADDER, SILVER, 100).upcoming_benefits == ["Free cake", "Own mug"]


def test_a_first_tier_from_0_points_is_reached_by_all():
    everyone = Tier(slug="bronze", point_threshold=0)

    assert progress([everyone, GOLD], None, 0).progress == 1
    assert progress([everyone, GOLD], everyone, 0).progress == 0


def test_a_member_on_a_tier_switched_off_goes_on_to_the_next_active_one():
    off = Tier(slug="bronze", point_threshold=50, is_active=False)

    assert progress(LADDER, off, 75).next is SILVER
    assert progress(LADDER, off, 75).progress == 0.5


def test_the_progress_of_a_member_goes_by_the_programs_basis(alice, buy, noon):
    Tier.objects.create(program=alice.program, slug="gold", name="Gold", point_threshold=1000)
    buy("40.00")
    alice.refresh_from_db(fields=["lifetime_points"])
    assert progress_of(alice, at=noon).progress == 0.4

    Program.objects.update(tier_basis=TierBasis.ROLLING)
    alice.program.refresh_from_db()

    assert progress_of(alice, at=noon + timedelta(days=365)).progress == 0
    assert progress_of(alice, at=noon + timedelta(days=365, microseconds=-1)).qualifying_points == 400
