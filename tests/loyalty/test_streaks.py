"""The weekly streak (specs: "Streak"). Noon is a Monday: 2 March 2026, ISO week 10."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from loyalty.models import EntryType, ExpiryPolicy, LedgerEntry, Member, PointLot, Program, Tier
from loyalty.operations import cards, expiration, points, progression, stamps, undoing
from loyalty.queries import reconciliation
from loyalty_site.ids import new_id
from loyalty_site.outbox.models import OutboxEvent

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def hour(program, at, run=None):
    """The hourly run at `at`; how many bonuses it posted."""
    fresh = Program.objects.get(pk=program.pk)
    return progression.advance(programs=[fresh], at=at, run_id=run or new_id())["streaks"]


def bonuses(member) -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(member=member, type=EntryType.TIER_BONUS).order_by("number"))


def weeks(member) -> list[str]:
    return [entry.metadata["week"] for entry in bonuses(member)]


@pytest.fixture
def visit(alice, counter):
    """Alice buys something at that instant: visit(at)."""

    def buy(at: datetime, member: Member = alice) -> LedgerEntry:
        return points.earn(
            member=member, store=counter, amount=Decimal(1), order_reference=f"{member.pk.hex[-8:]}-{at}", at=at
        )

    return buy


# --- When -----------------------------------------------------------------------------------------------------
def test_a_week_after_a_week_with_a_visit_brings_ten_points_once(alice, program, visit, noon):
    visit(noon)
    assert hour(program, noon) == 0
    visit(noon + WEEK)
    visit(noon + WEEK + DAY)

    assert [hour(program, noon + WEEK + timedelta(hours=hours)) for hours in range(1, 40, 13)] == [1, 0, 0]

    [bonus] = bonuses(alice)
    assert (bonus.points_delta, bonus.type, bonus.key) == (10, "tier_bonus", f"streak:2026-W11:{alice.pk}")
    assert bonus.metadata == {
        "kind": "streak_bonus",
        "week": "2026-W11",
        "window_start": "2026-03-09T00:00:00+00:00",
    }


def test_each_further_week_brings_another_and_a_week_without_begins_anew(alice, program, visit, noon):
    for number in (0, 1, 2, 4, 5):
        visit(noon + number * WEEK)
        hour(program, noon + number * WEEK + DAY)

    assert weeks(alice) == ["2026-W11", "2026-W12", "2026-W15"]


def test_two_visits_in_one_week_are_no_streak(program, visit, noon):
    visit(noon)
    visit(noon + 6 * DAY)

    assert hour(program, noon + 6 * DAY) == 0


def test_a_stamp_counts_as_a_purchase_does_and_nothing_else_counts(alice, program, counter, visit, noon):
    stamps.add(member=alice, store=counter, at=noon)
    points.adjust(member=alice, points=50, reason="r", actor=None, key=None, at=noon + WEEK)
    points.award(member=alice, type=EntryType.REFERRAL_BONUS, points=5, key="r", at=noon + WEEK)
    assert hour(program, noon + WEEK + DAY) == 0

    stamps.add(member=alice, store=counter, at=noon + WEEK + DAY)

    assert hour(program, noon + WEEK + DAY) == 1


def test_a_visit_that_a_till_sends_late_still_makes_its_week(alice, program, visit, noon):
    visit(noon)
    visit(noon + 2 * WEEK)
    assert hour(program, noon + 3 * WEEK) == 0

    visit(noon + WEEK)

    # Both weeks that now follow one, a transaction each.
    assert hour(program, noon + 3 * WEEK) == 2
    assert weeks(alice) == ["2026-W11", "2026-W12"]


def test_weeks_longer_ago_than_a_till_may_report_are_left_alone(program, visit, noon):
    visit(noon)
    visit(noon + WEEK)

    assert hour(program, noon + 10 * WEEK) == 0


# --- Weeks in zones -------------------------------------------------------------------------------------------
def test_week_53_is_followed_by_week_1(alice, program, visit):
    # 2026 has 53 ISO weeks: 28 December 2026 to 3 January 2027.
    visit(datetime(2027, 1, 3, 23, 59, 59, tzinfo=UTC))
    visit(datetime(2027, 1, 4, tzinfo=UTC))

    assert hour(program, datetime(2027, 1, 4, 0, 15, tzinfo=UTC)) == 1
    assert weeks(alice) == ["2027-W01"]


def test_week_53_belongs_to_the_old_year_in_the_new_one(alice, program, visit):
    visit(datetime(2026, 12, 24, tzinfo=UTC))
    visit(datetime(2027, 1, 1, tzinfo=UTC))

    hour(program, datetime(2027, 1, 2, tzinfo=UTC))

    assert weeks(alice) == ["2026-W53"]
    assert bonuses(alice)[0].metadata["window_start"] == "2026-12-28T00:00:00+00:00"


@pytest.mark.parametrize(("zone", "expected"), [("UTC", 0), ("Europe/Luxembourg", 1), ("America/New_York", 0)])
def test_a_week_begins_on_monday_in_the_programs_zone(alice, program, visit, zone, expected):
    Program.objects.update(time_zone=zone)
    # Saturday, and Sunday 23:30 UTC, which is Monday in Luxembourg.
    visit(datetime(2026, 2, 28, tzinfo=UTC))
    visit(datetime(2026, 3, 1, 23, 30, tzinfo=UTC))

    assert hour(program, datetime(2026, 3, 1, 23, 45, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("last_second", "window"),
    [
        # Clocks go forward on Sunday 29 March 2026, back on Sunday 25 October: weeks of 167 and of 169 hours.
        (datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), "2026-03-30T00:00:00+02:00"),
        (datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC), "2026-10-26T00:00:00+01:00"),
    ],
)
def test_the_weeks_in_which_clocks_are_changed_end_at_local_midnight(alice, program, visit, last_second, window):
    Program.objects.update(time_zone="Europe/Luxembourg")
    visit(last_second - DAY)
    visit(last_second)
    assert hour(program, last_second) == 0

    visit(last_second + timedelta(seconds=1))

    assert hour(program, last_second + timedelta(seconds=1)) == 1
    assert bonuses(alice)[0].metadata["window_start"] == window


# --- What -----------------------------------------------------------------------------------------------------
def test_the_bonus_is_a_lot_of_180_days_whatever_the_policy_and_spent_first(alice, program, visit, noon):
    visit(noon)
    visit(noon + WEEK)
    at = noon + WEEK + DAY
    hour(program, at)

    [lot] = PointLot.objects.filter(member=alice)
    assert (lot.points, lot.status, lot.expires_at) == (10, "scheduled", at + 180 * DAY)

    points.adjust(member=alice, points=-4, reason="r", actor=None, key=None, at=at)

    lot.refresh_from_db()
    assert lot.consumed == 4


def test_under_a_lots_policy_the_night_after_180_days_takes_it(alice, program, visit, noon):
    Program.objects.update(expiry_policy=ExpiryPolicy.LOTS, points_valid_days=365)
    alice.program.refresh_from_db()
    visit(noon)
    visit(noon + WEEK)
    hour(program, noon + WEEK)
    fresh = Program.objects.get(pk=program.pk)

    early = expiration.expire(programs=[fresh], at=noon + WEEK + 180 * DAY - timedelta(seconds=1), run_id=new_id())
    due = expiration.expire(programs=[fresh], at=noon + WEEK + 180 * DAY, run_id=new_id())

    assert (early["points"], due["points"]) == (0, 10)


def test_the_bonus_counts_for_tiers_and_raises_at_once(alice, program, visit, noon):
    Tier.objects.create(program=program, slug="silver", name="Silver", point_threshold=30)
    visit(noon)
    visit(noon + WEEK)

    hour(program, noon + WEEK)

    alice.refresh_from_db()
    assert (alice.lifetime_points, alice.tier.slug) == (30, "silver")
    assert OutboxEvent.objects.get(kind="loyalty.tier_upgraded").facts["to_tier"] == "silver"


def test_the_bonus_is_no_activity_and_is_announced(alice, program, visit, noon):
    visit(noon)
    visit(noon + WEEK)

    hour(program, noon + WEEK + DAY)

    alice.refresh_from_db()
    assert alice.last_activity_at == noon + WEEK
    [event] = OutboxEvent.objects.filter(kind="loyalty.points_awarded")
    assert (event.facts["points"], event.facts["type"]) == (10, "tier_bonus")
    assert list(reconciliation.differences()) == []


def test_two_members_of_a_merchant_have_a_bonus_each(alice, program, visit, noon):
    from tests.cast import make_member

    bob = make_member(program, "bob")
    for member in (alice, bob):
        visit(noon, member)
        visit(noon + WEEK, member)

    assert hour(program, noon + WEEK) == 2


def test_a_card_that_is_switched_off_gets_none_until_it_is_on_again(alice, program, visit, noon):
    visit(noon)
    visit(noon + WEEK)
    cards.deactivate(member=alice, at=noon + WEEK)
    assert hour(program, noon + WEEK) == 0

    cards.reactivate(member=alice, at=noon + WEEK + DAY)

    assert hour(program, noon + WEEK + DAY) == 1


# --- Undone ---------------------------------------------------------------------------------------------------
def test_an_undone_bonus_stays_undone(alice, program, visit, noon):
    visit(noon)
    visit(noon + WEEK)
    run = new_id()
    hour(program, noon + WEEK, run)

    counts = undoing.undo(run_id=run, undo_run_id=new_id(), at=noon + WEEK)

    alice.refresh_from_db()
    assert (counts["points"], counts["shortfall"], alice.points_balance, alice.lifetime_points) == (-10, 0, 20, 20)
    assert hour(program, noon + WEEK + DAY) == 0


def test_an_undo_takes_what_is_left_of_a_bonus_and_writes_down_the_rest(alice, program, visit, noon):
    visit(noon)
    visit(noon + WEEK)
    run = new_id()
    hour(program, noon + WEEK, run)
    points.adjust(member=alice, points=-27, reason="spent", actor=None, key=None, at=noon + WEEK)

    counts = undoing.undo(run_id=run, undo_run_id=new_id(), at=noon + WEEK)

    alice.refresh_from_db()
    assert (counts["points"], counts["shortfall"], alice.points_balance) == (-3, 7, 0)
    assert list(reconciliation.differences()) == []


# --- Looking ahead --------------------------------------------------------------------------------------------
def test_a_preview_counts_every_week_that_is_owed(program, visit, noon):
    for number in range(3):
        visit(noon + number * WEEK)

    foreseen = progression.preview(programs=[program], at=noon + 2 * WEEK)

    assert (foreseen["streaks"], foreseen["points"], foreseen["lots"]) == (2, 20, 2)
    assert hour(program, noon + 2 * WEEK) == 2
    assert progression.preview(programs=[program], at=noon + 2 * WEEK)["streaks"] == 0
