"""The hourly progression of tiers (specs: "Tiers")."""

from datetime import timedelta
from decimal import Decimal

import pytest

from loyalty.models import DowngradePolicy, LedgerEntry, Member, Program, Tier, TierBasis
from loyalty.operations import cards, enrollment, points, progression, refunds
from loyalty.operations.enrollment import Person
from loyalty.operations.progression.advancing import retier
from loyalty_site.ids import new_id
from loyalty_site.outbox.models import OutboxEvent

DAY = timedelta(days=1)
YEAR = timedelta(days=365)


@pytest.fixture
def ladder(program):
    """Bronze from 50, silver from 100, gold from 300."""
    made = [
        Tier.objects.create(program=program, slug=slug, name=slug, point_threshold=threshold)
        for slug, threshold in (("bronze", 50), ("silver", 100), ("gold", 300))
    ]
    return {tier.slug: tier for tier in made}


@pytest.fixture
def golden(alice, buy, ladder):
    """Alice in gold with 400 points of noon, in a program that goes by 12 months and lowers to the points."""
    rules(alice, tier_basis=TierBasis.ROLLING, downgrade_policy=DowngradePolicy.BY_BALANCE)
    buy("40.00")
    assert tier(alice) == "gold"
    return alice


def rules(member, **changes) -> None:
    Program.objects.filter(pk=member.program_id).update(**changes)
    member.program.refresh_from_db()
    member.program.__dict__.pop("ladder", None)


def tier(member) -> str | None:
    return Member.objects.values_list("tier__slug", flat=True).get(pk=member.pk)


def hour(member, at):
    """What the hourly run does at `at`, without counts of nothing."""
    program = Program.objects.get(pk=member.program_id)
    return {
        name: count
        for name, count in progression.advance(programs=[program], at=at, run_id=new_id()).items()
        if count and name != "programs"
    }


def news(*kinds) -> list[tuple]:
    events = OutboxEvent.objects.filter(kind__in=[f"loyalty.tier_{kind}" for kind in kinds]).order_by("id")
    return [(event.kind.removeprefix("loyalty.tier_"), event.facts["to_tier"]) for event in events]


# --- The window -----------------------------------------------------------------------------------------------
def test_points_count_until_they_are_365_days_old_to_the_second(golden, noon):
    just_before = noon + YEAR - timedelta(microseconds=1)

    assert hour(golden, just_before) == {}
    assert hour(golden, noon + YEAR) == {"warned": 1}


def test_points_of_a_lifetime_do_not_age(golden, noon):
    rules(golden, tier_basis=TierBasis.LIFETIME)

    assert hour(golden, noon + 10 * YEAR) == {}


def test_what_refunds_took_does_not_count(golden, counter, noon):
    refunds.refund(member=golden, store=counter, amount=Decimal(11), refund_reference="R", at=noon + DAY)

    assert hour(golden, noon + DAY) == {"warned": 1}
    assert news("downgrade_warned") == [("downgrade_warned", "silver")]


def test_a_purchase_dated_after_the_run_keeps_the_member_from_being_warned(golden, buy, noon):
    buy("30.00", order="2", days=365, occurred_at=noon + YEAR + timedelta(seconds=30))

    # At the instant of the run there were no points; by the time it came to her there were.
    assert hour(golden, noon + YEAR) == {}


# --- Warning --------------------------------------------------------------------------------------------------
def test_a_tier_is_lowered_the_days_of_warning_after_the_warning_and_not_before(golden, noon):
    fallen = noon + YEAR
    assert hour(golden, fallen) == {"warned": 1}
    assert tier(golden) == "gold"

    assert hour(golden, fallen + 14 * DAY - timedelta(seconds=1)) == {}
    assert hour(golden, fallen + 14 * DAY) == {"lowered": 1}

    assert tier(golden) is None
    assert news("downgrade_warned", "downgraded") == [("downgrade_warned", None), ("downgraded", None)]


def test_the_warning_says_when_and_to_which_tier(golden, noon):
    hour(golden, noon + YEAR)

    [event] = OutboxEvent.objects.filter(kind="loyalty.tier_downgrade_warned")
    assert event.facts["from_tier"] == "gold"
    assert event.facts["downgrade_at"] == (noon + YEAR + 14 * DAY).isoformat()
    assert event.facts["qualifying_points"] == 0


def test_one_falling_is_warned_of_once(golden, noon):
    for hours in range(5):
        hour(golden, noon + YEAR + timedelta(hours=hours))

    assert news("downgrade_warned") == [("downgrade_warned", None)]


def test_whoever_is_back_up_before_the_lowering_keeps_the_tier(golden, buy, noon):
    hour(golden, noon + YEAR)
    golden.refresh_from_db()

    buy("30.00", order="2", days=370, member=golden)

    golden.refresh_from_db()
    assert golden.tier_warned_at is None
    assert hour(golden, noon + YEAR + 14 * DAY) == {}
    assert tier(golden) == "gold"


def test_points_that_come_back_by_themselves_make_the_warning_void_in_the_next_hour(golden, buy, noon):
    hour(golden, noon + YEAR)
    # Our copy of her does not know of the warning.
    buy("30.00", order="2", days=370)

    assert hour(golden, noon + 371 * DAY) == {"recovered": 1}
    assert hour(golden, noon + YEAR + 14 * DAY) == {}


def test_whoever_falls_again_is_warned_again_and_has_all_the_days(golden, buy, counter, noon):
    hour(golden, noon + YEAR)
    golden.refresh_from_db()
    buy("30.00", order="2", days=370, member=golden)
    refunds.refund(
        member=golden, store=counter, amount=Decimal(30), refund_reference="R", order_reference="2", at=noon + 371 * DAY
    )

    assert hour(golden, noon + 372 * DAY) == {"warned": 1}
    assert hour(golden, noon + YEAR + 14 * DAY) == {}
    assert hour(golden, noon + 386 * DAY) == {"lowered": 1}


def test_a_warning_is_void_once_thresholds_or_policy_leave_nothing_to_lower(golden, ladder, noon):
    hour(golden, noon + YEAR)

    rules(golden, downgrade_policy=DowngradePolicy.NEVER)

    assert hour(golden, noon + YEAR + 20 * DAY) == {"recovered": 1}
    assert tier(golden) == "gold"


def test_without_days_of_warning_the_next_run_lowers(golden, noon):
    rules(golden, downgrade_warning_days=0)

    assert hour(golden, noon + YEAR) == {"warned": 1}
    assert hour(golden, noon + YEAR + timedelta(hours=1)) == {"lowered": 1}


# --- Policies -------------------------------------------------------------------------------------------------
def test_never_lowered_is_never_warned(golden, noon):
    rules(golden, downgrade_policy=DowngradePolicy.NEVER)

    assert hour(golden, noon + 2 * YEAR) == {}
    assert tier(golden) == "gold"


def test_one_down_goes_a_step_at_a_time_and_warns_of_each(golden, noon):
    rules(golden, downgrade_policy=DowngradePolicy.ONE_DOWN)
    seen = []
    for days in range(365, 365 + 60):
        hour(golden, noon + days * DAY)
        seen.append(tier(golden))

    assert [seen[0], seen[14], seen[29], seen[44], seen[-1]] == ["gold", "silver", "bronze", None, None]
    assert [one for one in news("downgrade_warned", "downgraded") if one[0] == "downgraded"] == [
        ("downgraded", "silver"),
        ("downgraded", "bronze"),
        ("downgraded", None),
    ]
    assert len(news("downgrade_warned")) == 3


def test_by_balance_goes_straight_to_the_tier_of_the_points(golden, buy, noon):
    buy("6.00", order="2", days=200)
    hour(golden, noon + YEAR)

    hour(golden, noon + YEAR + 14 * DAY)

    assert tier(golden) == "bronze"
    assert news("downgrade_warned", "downgraded") == [("downgrade_warned", "bronze"), ("downgraded", "bronze")]


def test_a_lowered_member_earns_by_the_lower_tier_and_rises_again(golden, buy, noon):
    hour(golden, noon + YEAR)
    hour(golden, noon + YEAR + 14 * DAY)

    buy("40.00", order="2", days=380, member=Member.objects.select_related("program", "tier").get(pk=golden.pk))

    assert tier(golden) == "gold"


def test_whoever_was_lowered_while_they_stood_at_the_till_rises_in_that_purchase(golden, buy, noon):
    hour(golden, noon + YEAR)
    as_the_till_read_it = Member.objects.select_related("program", "tier").get(pk=golden.pk)
    hour(golden, noon + YEAR + 14 * DAY)

    buy("15.00", order="2", days=380, member=as_the_till_read_it)

    # Up from nothing to what the purchase is enough for, though the till still saw gold.
    assert tier(golden) == "silver"
    event = OutboxEvent.objects.filter(kind="loyalty.tier_upgraded").latest("id")
    assert (event.facts["from_tier"], event.facts["to_tier"]) == (None, "silver")


def test_neither_refund_nor_correction_lowers_by_itself(golden, counter, noon):
    refunds.refund(member=golden, store=counter, amount=Decimal(40), refund_reference="R", at=noon)
    points.adjust(member=golden, points=5, reason="r", actor=None, key=None, at=noon)

    assert tier(golden) == "gold"


# --- Who is left out ------------------------------------------------------------------------------------------
def test_cards_and_programs_that_are_switched_off_are_left_out(golden, noon):
    cards.deactivate(member=golden, at=noon)
    assert hour(golden, noon + YEAR) == {}
    cards.reactivate(member=golden, at=noon)
    Program.objects.update(is_active=False)
    assert hour(golden, noon + YEAR) == {}


# --- Changed rules --------------------------------------------------------------------------------------------
def test_a_lower_threshold_raises_at_once_and_a_higher_one_lowers_nobody(golden, ladder, noon):
    Tier.objects.create(program=golden.program, slug="platinum", name="Platinum", point_threshold=400)

    counts = retier(programs=[golden.program], at=noon, run_id=new_id())

    assert (counts["raised"], tier(golden)) == (1, "platinum")
    assert news("upgraded")[-1] == ("upgraded", "platinum")

    Tier.objects.filter(slug="platinum").update(point_threshold=10_000)
    counts = retier(programs=[golden.program], at=noon, run_id=new_id())

    assert (counts["raised"], tier(golden)) == (0, "platinum")
    # Only the hour warns, and only after the days of warning it lowers.
    assert hour(golden, noon) == {"warned": 1}
    assert hour(golden, noon + 14 * DAY) == {"lowered": 1}
    assert tier(golden) == "gold"


def test_a_tier_switched_off_lets_its_members_fall_like_any_other(golden, ladder, noon):
    Tier.objects.filter(slug="gold").update(is_active=False)
    assert retier(programs=[golden.program], at=noon, run_id=new_id())["raised"] == 0

    assert hour(golden, noon) == {"warned": 1}
    hour(golden, noon + 14 * DAY)

    assert tier(golden) == "silver"


def test_a_tier_that_takes_the_place_of_one_switched_off_takes_its_members(golden, ladder, noon):
    Tier.objects.filter(slug="gold").update(is_active=False)
    Tier.objects.create(program=golden.program, slug="new-gold", name="New gold", point_threshold=300)

    assert hour(golden, noon) == {"raised": 1}
    assert tier(golden) == "new-gold"


def test_a_lower_threshold_makes_a_warning_void(golden, ladder, noon):
    hour(golden, noon + YEAR)
    for slug, threshold in (("bronze", -0), ("silver", 1), ("gold", 2)):
        Tier.objects.filter(slug=slug).update(point_threshold=threshold)
    Tier.objects.exclude(slug="gold").update(is_active=False)
    Tier.objects.filter(slug="gold").update(point_threshold=0)

    assert retier(programs=[golden.program], at=noon + YEAR, run_id=new_id())["recovered"] == 1
    assert tier(golden) == "gold"


def test_a_tier_from_0_points_is_everyones_from_the_first_moment(program, counter, noon):
    Tier.objects.create(program=program, slug="basic", name="Basic", point_threshold=0)

    enrolled = enrollment.enroll_at(store=counter, person=Person(email="new@example.com"), at=noon).member

    assert tier(enrolled) == "basic"


def test_the_hour_raises_whoever_came_before_the_tier_from_0_points(alice, noon):
    Tier.objects.create(program=alice.program, slug="basic", name="Basic", point_threshold=0)

    assert hour(alice, noon) == {"raised": 1}
    assert tier(alice) == "basic"


def test_a_program_without_tiers_has_none_to_give(alice, buy, noon):
    buy("40.00")

    assert hour(alice, noon) == {}


# --- Looking ahead --------------------------------------------------------------------------------------------
def test_a_preview_counts_what_the_run_then_does_and_writes_nothing(golden, noon):
    before = (Member.objects.get(pk=golden.pk).tier_warned_at, LedgerEntry.objects.count(), OutboxEvent.objects.count())

    foreseen = progression.preview(programs=[golden.program], at=noon + YEAR)

    assert before == (
        Member.objects.get(pk=golden.pk).tier_warned_at,
        LedgerEntry.objects.count(),
        OutboxEvent.objects.count(),
    )
    assert {name: foreseen[name] for name in ("programs", "streaks", "raised", "warned", "lowered")} == {
        "programs": 1,
        "streaks": 0,
        "raised": 0,
        "warned": 1,
        "lowered": 0,
    }
    assert hour(golden, noon + YEAR) == {"warned": 1}
