"""Warned once, with the true date (specs: "Warnings")."""

from datetime import date, timedelta

import pytest

from loyalty.models import ExpiryPolicy, PointLot, Program
from loyalty.operations import points, restores
from loyalty_site.outbox.models import OutboxEvent
from tests.cast import make_member
from tests.loyalty.test_expiration import DAY, night, policy


def warnings() -> list[dict]:
    """The facts of every warning so far, oldest first."""
    events = OutboxEvent.objects.filter(kind="loyalty.points_expiring").order_by("created_at", "id")
    return list(events.values_list("facts", flat=True))


@pytest.mark.parametrize(
    ("days", "warning_days", "lead"), [(30, 14, 14), (20, 14, 10), (21, 14, 10), (1, 14, 0), (60, 3, 3)]
)
def test_the_lead_is_the_warning_days_or_half_the_policys(alice, days, warning_days, lead):
    program = policy(alice, ExpiryPolicy.INACTIVITY, points_expiration_days=days, expiration_warning_days=warning_days)

    assert program.warning_lead(days) == lead * DAY


def test_inactivity_warns_in_the_first_run_of_the_window_and_only_there(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY, expiration_warning_days=14)
    buy("10.00")
    two = noon.replace(hour=2)

    for day in (16, 17, 18, 29):
        night(program, two + day * DAY)

    # Due at noon of day 30; the window opens at noon of day 16, so the run of day 17 is the first inside.
    [warning] = warnings()
    alice.refresh_from_db()
    assert alice.last_expiration_warning_at == two + 17 * DAY
    assert warning["policy"] == "inactivity"
    assert warning["points"] == 100
    # Due 1 April at noon: the run that takes them is that of 2 April, 02:00 UTC.
    assert (warning["expiration_date"], warning["days_remaining"]) == ("2026-04-02", 14)


def test_the_date_is_the_members_own(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY, expiration_warning_days=14)
    alice.customer.time_zone = "America/Los_Angeles"
    alice.customer.save()
    buy("10.00")

    night(program, noon.replace(hour=2) + 17 * DAY)

    [warning] = warnings()
    # 2 April 02:00 UTC is still 1 April in Los Angeles, where the run of 19 March is on the 18th.
    assert (warning["expiration_date"], warning["days_remaining"]) == ("2026-04-01", 14)


def test_activity_opens_a_new_cycle(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY, expiration_warning_days=14)
    buy("10.00", order="1")
    night(program, noon + 20 * DAY)
    buy("10.00", order="2", days=21)
    night(program, noon + 22 * DAY)
    assert len(warnings()) == 1

    night(program, noon + 45 * DAY)

    assert len(warnings()) == 2


def test_an_operators_correction_warns_no_second_time(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY, expiration_warning_days=14)
    buy("10.00")
    night(program, noon + 20 * DAY)
    points.adjust(member=alice, points=50, reason="r", actor=None, key=None, at=noon + 21 * DAY)

    night(program, noon + 22 * DAY)

    assert len(warnings()) == 1


def test_nothing_to_lose_is_nothing_to_warn_of(alice, program, noon):
    program = policy(alice, ExpiryPolicy.BOTH, expiration_warning_days=14)

    assert night(program, noon + 20 * DAY)["warned"] == 0


def test_lots_of_one_night_are_named_in_one_warning(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS, expiration_warning_days=14)
    first = buy("1.00", order="1")
    second = buy("2.00", order="2", days=0.5)
    third = buy("3.00", order="3", days=5)

    counts = night(program, noon + 17 * DAY)
    again = night(program, noon + 18 * DAY)
    later = night(program, noon + 22 * DAY)

    assert (counts["warned"], again["warned"], later["warned"]) == (1, 0, 1)
    one, two = warnings()
    assert [lot["lot"] for lot in one["lots"]] == [str(first.pk), str(second.pk)]
    assert (one["points"], one["expiration_date"], one["days_remaining"]) == (30, "2026-04-02", 14)
    assert [lot["lot"] for lot in two["lots"]] == [str(third.pk)]
    assert not PointLot.objects.filter(warned_at=None).exists()


def test_what_is_left_of_a_lot_is_what_is_warned_of(alice, buy, counter, noon):
    from loyalty.operations import redemptions

    program = policy(alice, ExpiryPolicy.LOTS, expiration_warning_days=14)
    buy("10.00")
    redemptions.redeem(member=alice, store=counter, points=70, order_reference="T", at=noon)

    night(program, noon + 20 * DAY)

    assert warnings()[0]["points"] == 30


def test_a_lot_restored_under_a_new_date_is_warned_of_again(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS, expiration_warning_days=14)
    buy("10.00")
    night(program, noon + 20 * DAY)
    night(program, noon + 30 * DAY)
    entry = alice.entries.get(type="points_expired")
    restores.restore(member=alice, points=100, reason="r", actor=None, key=None, at=noon + 31 * DAY, entry=entry)

    night(program, noon + 50 * DAY)

    assert len(warnings()) == 2


def test_an_unwarned_member_expires_at_once_unless_the_program_warns_first(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY, expiration_warning_days=14)
    buy("10.00")

    assert night(program, noon + 100 * DAY)["members"] == 1


def test_warn_before_expiring_gives_the_lead_from_the_late_warning(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY, expiration_warning_days=14, warn_before_expiring=True)
    buy("10.00")

    first = night(program, noon.replace(hour=2) + 100 * DAY)
    waiting = night(program, noon.replace(hour=2) + 113 * DAY)
    taken = night(program, noon.replace(hour=2) + 114 * DAY)

    [warning] = warnings()
    assert (first["warned"], first["members"]) == (1, 0)
    assert (waiting["warned"], waiting["members"]) == (0, 0)
    assert taken["members"] == 1
    told = noon.replace(hour=2) + 114 * DAY
    assert (date.fromisoformat(warning["expiration_date"]), warning["days_remaining"]) == (told.date(), 14)


def test_whoever_was_warned_in_time_expires_when_due(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.INACTIVITY, expiration_warning_days=14, warn_before_expiring=True)
    buy("10.00")
    night(program, noon + 25 * DAY)

    assert night(program, noon + 30 * DAY)["members"] == 1


def test_warn_before_expiring_holds_for_each_lot(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.LOTS, expiration_warning_days=14, warn_before_expiring=True)
    buy("1.00", order="1")
    buy("2.00", order="2", days=30)

    late = night(program, noon + 40 * DAY)
    waiting = night(program, noon + 53 * DAY)
    taken = night(program, noon + 54 * DAY)

    assert (late["warned"], late["members"]) == (1, 0)
    assert (waiting["points"], taken["points"]) == (0, 10)


def test_a_replay_warns_nobody(alice, buy, noon):
    program = policy(alice, ExpiryPolicy.BOTH, expiration_warning_days=14)
    buy("10.00")

    assert night(program, noon + 20 * DAY, warn=False)["warned"] == 0


def test_a_storefronts_nonsense_for_a_time_zone_does_not_stop_the_night(program, buy, noon):
    for name in ("Nowhere/City", "../../etc/passwd", "x" * 64):
        member = make_member(program, f"m{len(name)}")
        member.customer.time_zone = name
        member.customer.save()
        buy("1.00", order=name[:60], member=member)
    night_program = policy(member, ExpiryPolicy.INACTIVITY, expiration_warning_days=14)

    assert night(night_program, noon + 20 * DAY)["warned"] == 3
    assert Program.objects.count() == 1


def test_days_over_the_change_to_summer_time_are_24_hours(alice, buy, noon):
    # 29 March 2026 has 23 hours in Luxembourg; N days are N x 24 hours all the same.
    Program.objects.update(time_zone="Europe/Luxembourg")
    program = policy(alice, ExpiryPolicy.INACTIVITY)
    buy("10.00")

    assert night(program, noon + 30 * DAY - timedelta(seconds=1))["members"] == 0
    assert night(program, noon + 30 * DAY)["members"] == 1
