from datetime import UTC, datetime, timedelta, timezone

import pytest

from loyalty_site.jobs.instants import next_instant, scheduled_instant

TWO = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=59.5), timedelta(hours=3), timedelta(hours=23)])
def test_a_daily_run_is_of_its_instant_however_late_it_starts(late):
    assert scheduled_instant("0 2 * * *", TWO + late) == TWO


def test_before_its_instant_it_is_of_the_day_before():
    assert scheduled_instant("0 2 * * *", TWO - timedelta(microseconds=1)) == TWO - timedelta(days=1)


def test_the_instant_is_utc_whatever_clock_asks():
    in_tokyo = (TWO + timedelta(hours=1)).astimezone(timezone(timedelta(hours=9)))

    assert scheduled_instant("0 2 * * *", in_tokyo) == TWO
    assert scheduled_instant("0 2 * * *", in_tokyo).utcoffset() == timedelta(0)


def test_the_next_instant_is_after_now():
    assert next_instant("0 2 * * *", TWO) == TWO + timedelta(days=1)
