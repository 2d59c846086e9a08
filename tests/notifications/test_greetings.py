"""Messages on birthdays and after an absence: to whom, when, and once."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from loyalty.models import Member
from loyalty_site.jobs.models import Run
from loyalty_site.schedules import SCHEDULES
from notifications import dispatch, greetings, jobs
from notifications.catalogue import LOCALES
from notifications.models import GreetingSettings, Message, Preference
from tests.cast import make_member
from tests.notifications.nudging import consents
from tests.notifications.test_nudge_runs import command
from tests.smtp_sink import body


@pytest.fixture
def on(cafe):
    """The café greets on birthdays, and after 30 days."""
    return GreetingSettings.objects.create(merchant=cafe, greets_birthdays=True, greets_absent=True, absent_days=30)


def born(member, day: date, **more) -> None:
    consents(member, birth_date=day, **more)


def greet(merchant, at, **more):
    done = greetings.greet(merchants=[merchant], at=at, **more)
    return done["due"], done["queued"]


def codes():
    return sorted(Message.objects.values_list("code", flat=True))


# --- Birthdays ------------------------------------------------------------------------------------------------
def test_a_member_is_greeted_on_the_birthday_once_a_year(on, alice, cafe, noon):
    born(alice, date(1990, 3, 2))

    found = [greet(cafe, noon + timedelta(days=each)) for each in (-1, 0, 0, 1)]

    assert found == [(0, 0), (1, 1), (1, 0), (0, 0)]
    message = Message.objects.get()
    assert (message.code, message.kind, message.channels) == ("loyalty_birthday", "marketing", ["email"])
    assert greet(cafe, noon.replace(year=2027)) == (1, 1)


@pytest.mark.parametrize("rows", [[], [{"greets_birthdays": False}]])
def test_greetings_are_off_until_a_merchant_switches_them_on(rows, alice, cafe, noon, buy):
    for row in rows:
        GreetingSettings.objects.create(merchant=cafe, **row)
    born(alice, date(1990, 3, 2))
    buy(days=-60)

    assert greet(cafe, noon) == (0, 0)
    assert GreetingSettings().greets_absent is False


@pytest.mark.parametrize(
    ("zone", "at", "is_greeted"),
    [
        ("Pacific/Auckland", datetime(2026, 3, 1, 11, 30, tzinfo=UTC), True),
        ("Pacific/Auckland", datetime(2026, 3, 2, 11, 30, tzinfo=UTC), False),
        ("Pacific/Honolulu", datetime(2026, 3, 2, 8, 0, tzinfo=UTC), False),
        ("Pacific/Honolulu", datetime(2026, 3, 3, 8, 0, tzinfo=UTC), True),
        ("", datetime(2026, 3, 2, 8, 0, tzinfo=UTC), True),
        ("Nowhere/At-all", datetime(2026, 3, 2, 8, 0, tzinfo=UTC), True),
    ],
)
def test_the_day_is_that_of_the_members_own_clock(zone, at, is_greeted, on, alice, cafe):
    born(alice, date(1990, 3, 2), time_zone=zone)

    assert greet(cafe, at) == ((1, 1) if is_greeted else (0, 0))


def test_the_time_may_be_given_with_any_offset(on, alice, cafe):
    born(alice, date(1990, 3, 2), time_zone="Pacific/Honolulu")

    # Half past ten in the evening of the 2nd in Honolulu.
    assert greet(cafe, datetime.fromisoformat("2026-03-03T22:30+14:00")) == (1, 1)


@pytest.mark.parametrize(
    ("day", "is_greeted"),
    [
        (datetime(2027, 2, 28, 8, tzinfo=UTC), True),
        (datetime(2027, 3, 1, 8, tzinfo=UTC), False),
        (datetime(2028, 2, 28, 8, tzinfo=UTC), False),
        (datetime(2028, 2, 29, 8, tzinfo=UTC), True),
    ],
)
def test_who_was_born_on_29_february_is_greeted_on_the_28th_in_other_years(day, is_greeted, on, alice, cafe):
    born(alice, date(1992, 2, 29))

    assert greet(cafe, day)[1] == is_greeted


@pytest.mark.parametrize(
    "without",
    [{"marketing_consent": False}, {"email": ""}, {"anonymized_at": datetime(2026, 1, 1, tzinfo=UTC)}],
)
def test_who_did_not_agree_or_cannot_be_reached_is_not_greeted(without, on, alice, cafe, noon):
    born(alice, date(1990, 3, 2), **without)

    assert greet(cafe, noon) == (0, 0)


def test_a_channel_or_a_card_that_is_off_and_another_merchants_members_are_left_out(on, alice, bookworm, cafe, noon):
    born(alice, date(1990, 3, 2))
    born(bookworm, date(1990, 3, 2))
    Preference.objects.create(merchant=cafe, customer=alice.customer, email=False)
    assert greet(cafe, noon) == (0, 0)

    Preference.objects.all().delete()
    alice.is_active = False
    alice.save()
    assert greet(cafe, noon) == (0, 0)
    assert not Message.objects.exists()


# --- Absence --------------------------------------------------------------------------------------------------
def test_an_absence_is_told_once_and_the_next_one_again(on, alice, cafe, noon, buy):
    consents(alice)
    buy()
    found = [greet(cafe, noon + timedelta(days=each)) for each in (29, 30, 31, 32)]
    buy(order="W-2", days=40)
    again = greet(cafe, noon + timedelta(days=70))

    assert found == [(0, 0), (1, 1), (1, 0), (1, 0)]
    assert again == (1, 1)
    assert codes() == ["loyalty_we_miss_you"] * 2


def test_who_has_been_away_longer_or_never_came_is_left_in_peace(on, program, alice, cafe, noon, buy):
    consents(alice)
    consents(make_member(program, "zoe"), phone_number="")
    buy()

    assert greet(cafe, noon + timedelta(days=33, seconds=1)) == (0, 0)
    assert greet(cafe, noon + timedelta(days=30))[0] == 1


# --- What they say --------------------------------------------------------------------------------------------
def test_the_points_are_those_on_the_card_when_it_is_sent(on, alice, cafe, noon, buy, mail):
    born(alice, date(1990, 3, 2))
    greet(cafe, noon)
    buy("4.50")

    dispatch.dispatch(clock=lambda: noon)

    [mailed] = mail.to(alice.customer.email)
    assert "45 points" in body(mailed)


@pytest.mark.parametrize("locale", LOCALES)
def test_with_nothing_on_the_card_no_points_are_spoken_of(on, alice, cafe, noon, buy, mail, locale):
    born(alice, date(1990, 3, 2), locale=locale)
    buy("0.01")
    Member.objects.update(last_activity_at=noon - timedelta(days=30))
    assert Member.objects.get(pk=alice.pk).points_available == 0
    assert greet(cafe, noon) == (2, 2)

    dispatch.dispatch(clock=lambda: noon)

    assert len(mail.mails) == 2
    for mailed in mail.mails:
        said = body(mailed).partition("-- ")[0] + re.sub(
            r"<style.*?</style>|<[^>]*>", "", body(mailed, "html"), flags=re.S
        )
        assert not re.search(r"\b0\b|\bpoint|\bpunkt", said, re.IGNORECASE)


def test_a_wish_that_waited_past_the_day_and_one_to_who_came_back_are_not_sent(on, alice, cafe, noon, buy, mail):
    born(alice, date(1990, 3, 2))
    buy()
    Member.objects.update(last_activity_at=noon - timedelta(days=30))
    assert greet(cafe, noon) == (2, 2)
    buy(order="W-2", days=0.5)

    dispatch.dispatch(clock=lambda: noon + timedelta(days=1))

    assert set(Message.objects.values_list("status", "error")) == {
        ("skipped", "The birthday is over."), ("skipped", "The member has been back meanwhile."),
    }  # fmt: skip
    assert not mail.recipients


# --- By hand and by the scheduler ---------------------------------------------------------------------------
def test_the_command_previews_then_does_then_has_nothing_left_to_do(on, alice, cafe, noon):
    born(alice, date(1990, 3, 2))
    asked = ["--as-of", noon.isoformat(), "--merchant", cafe.slug]

    reports = [command("send_greetings", *asked, *more)[1] for more in (["--dry-run"], [], [], ["--dry-run"])]

    assert [(each["due"], each["queued"]) for each in reports] == [(1, 1), (1, 1), (1, 0), (1, 0)]
    assert Message.objects.count() == 1


def test_nothing_is_sent_as_of_a_time_to_come(on, cafe):
    code, said = command("send_greetings", "--as-of", (timezone.now() + timedelta(days=1)).isoformat())

    assert code == 2, said


def test_the_job_runs_once_a_day(on, alice, cafe):
    born(alice, date(1990, 3, 2))

    jobs.send_greetings()

    assert SCHEDULES[jobs.GREET] == ("notifications.jobs.send_greetings", "0 8 * * *")
    assert Run.objects.get(job=jobs.GREET).counts.keys() >= {"merchants", "due", "queued"}


def test_a_run_asks_by_the_chunk_and_not_by_the_member(on, program, cafe, noon, django_assert_max_num_queries):
    for number in range(12):
        born(make_member(program, f"m{number}"), date(1990, 3, 2), phone_number="")

    with django_assert_max_num_queries(60):
        assert greet(cafe, noon, chunk=5) == (12, 12)
