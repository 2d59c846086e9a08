"""The demo's data: two merchants, a year, and books that balance."""

import os
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.staticfiles.finders import get_finder
from django.db import connections, transaction
from django.db.models import F, OuterRef, Subquery, Window
from django.db.models.functions import Lag
from django.test import override_settings

from loyalty.models import EntryType, LedgerEntry, Member, PointLot, Program
from loyalty.operations import expiration
from loyalty.queries import reconciliation
from loyalty_site.console.demo import friends, merchants, people, plans, seeding, static, tills
from loyalty_site.console.demo.visits import days_of, visits_of
from loyalty_site.jobs.models import Run
from loyalty_site.outbox.models import OutboxEvent
from loyalty_site.tenants.models import Customer, Role, StaffRole, Store
from notifications.models import Message, Nudge, NudgeCampaign
from referrals.models import GuardrailOverride, Invite
from tests import server
from tests.databases import point_at

NOW = datetime(2026, 6, 18, 9, 30, tzinfo=UTC)
TONIGHT = datetime(2026, 6, 19, 2, 0, tzinfo=UTC)

# Long enough for points to grow old, with few enough people for a quick test.
DAYS = 200
QUICK = ["django.contrib.auth.hashers.MD5PasswordHasher"]
FEW = [replace(plan, members=30) for plan in plans.merchants()]


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker):
    """A database of this module's own in which the story has been told once; its tests leave it as it is."""
    home = server.current()
    shared = str(connections["default"].settings_dict["NAME"])
    database = home.clone(f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_demo")
    with django_db_blocker.unblock(), override_settings(PASSWORD_HASHERS=QUICK):
        point_at(database)
        yield seeding.seed(at=NOW, days=DAYS, plan=FEW)
        point_at(shared)
    home.drop(database)


def test_the_books_of_the_demo_balance(told):
    assert list(reconciliation.differences()) == []
    assert LedgerEntry.objects.count() > 300


def test_both_merchants_have_their_stores_rules_and_people(told):
    cafe, bookshop = Program.objects.order_by("merchant__slug")[::-1]

    assert cafe.expires_by_inactivity
    assert not cafe.ladder
    assert bookshop.expires_by_lots
    assert len(bookshop.ladder) == 3
    assert Counter(Store.objects.values_list("merchant__slug", flat=True)) == {"cafe-moulin": 3, "alzette-books": 3}
    assert Counter(Member.objects.values_list("merchant__slug", flat=True)) == {"cafe-moulin": 30, "alzette-books": 30}


def test_everything_that_happens_to_points_has_happened(told):
    happened = set(LedgerEntry.objects.values_list("type", flat=True))

    assert happened >= {
        EntryType.EARN,
        EntryType.WELCOME_BONUS,
        EntryType.REDEEM,
        EntryType.POINTS_EXPIRED,
        EntryType.STAMP_EARNED,
        EntryType.STAMP_REDEEMED,
    }
    assert Member.objects.filter(tier__isnull=False).exists()


def test_each_members_entries_stand_in_order_of_time(told):
    before = Window(Lag("occurred_at"), partition_by=F("member_id"), order_by=F("number").asc())
    entries = LedgerEntry.objects.annotate(before=before).values_list("occurred_at", "before")

    assert all(before is None or before <= occurred_at for occurred_at, before in entries)
    assert all(begin <= NOW for begin, _ in entries)


@pytest.mark.parametrize("slug", ["cafe-moulin", "alzette-books"])
def test_the_next_runs_have_something_to_expire_and_to_warn_of(told, slug):
    program = Program.objects.get(merchant__slug=slug)

    now = expiration.preview(program=program, at=NOW)
    tonight = expiration.preview(program=program, at=TONIGHT)

    assert now.members >= people.DUE_NOW - 1
    assert now.points > 0
    assert tonight.members > now.members
    assert tonight.to_warn >= people.WARNED_TONIGHT - 1


def test_who_is_due_was_warned_by_a_night_of_the_past(told):
    cafe = Program.objects.get(merchant__slug="cafe-moulin")
    by_lots = PointLot.objects.filter(expires_at__lte=NOW, status="scheduled")

    assert expiration.preview(program=cafe, at=NOW).unwarned == 0
    assert not by_lots.filter(warned_at=None).exists()


def test_every_night_of_the_past_left_its_run(told):
    nights = Run.objects.filter(job="loyalty.expire_points", status=Run.Status.SUCCEEDED)

    assert nights.count() == DAYS
    assert nights.latest("as_of").as_of == datetime(2026, 6, 18, 2, 0, tzinfo=UTC)
    expired = LedgerEntry.objects.filter(type=EntryType.POINTS_EXPIRED)
    assert sum(run.counts["members"] for run in nights) == expired.count()
    assert set(expired.values_list("run_id", flat=True)) <= set(nights.values_list("pk", flat=True))
    assert all(entry.occurred_at == entry.run_as_of for entry in expired.annotate(run_as_of=_as_of_its_run()))


def _as_of_its_run():
    return Subquery(Run.objects.filter(pk=OuterRef("run_id")).values("as_of")[:1])


def test_news_of_the_past_is_written_to_nobody(told):
    assert OutboxEvent.objects.exists()
    assert not OutboxEvent.objects.filter(backfill=False).exists()


def test_from_the_first_minute_there_are_nudges_and_messages_of_them(told):
    queued = Message.objects.filter(status="queued")

    assert set(NudgeCampaign.objects.values_list("merchant__slug", flat=True)) == {plan.slug for plan in FEW}
    assert Nudge.objects.filter(status="active", nudge_type="checkout_reminder").exists()
    assert queued.exists()
    assert not queued.exclude(code__startswith="loyalty_nudge_").exists()
    assert not queued.filter(customer__marketing_consent=False).exists()


def test_a_second_start_keeps_what_there_is(told):
    entries, balance = LedgerEntry.objects.count(), Member.objects.values_list("pk", "points_balance")
    before = dict(balance)

    again = seeding.seed(at=NOW + timedelta(days=3))

    assert told.created
    assert not again.created
    assert again.as_of == NOW
    assert (LedgerEntry.objects.count(), dict(balance)) == (entries, before)


def test_after_a_first_start_the_demo_knows_its_own_database(told):
    seeding.refuse_where_others_live(own_database=False)


def test_the_logins_printed_are_those_that_work(told, client):
    for login in merchants.logins():
        assert client.login(username=login["email"], password=login["password"])


def test_there_is_a_login_of_each_role(told):
    assert set(StaffRole.objects.values_list("role", flat=True)) == set(Role)


def test_nobody_real_can_be_reached(told):
    for customer in Customer.objects.all():
        assert customer.email == "" or customer.email.endswith("@example.com")
        # France keeps 01 99 00 for fiction.
        assert str(customer.phone_number) == "" or str(customer.phone_number).startswith("+3319900")
        assert customer.email or customer.phone_number


# --- The plan ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 6, 18, 1, 59, tzinfo=UTC),
        datetime(2026, 6, 18, 2, 0, tzinfo=UTC),
        datetime(2026, 6, 18, 2, 0, 30, tzinfo=UTC),
        datetime(2026, 6, 18, 3, 0, tzinfo=UTC),
        datetime(2026, 6, 18, 23, 59, tzinfo=UTC),
        datetime(2026, 3, 29, 0, 59, tzinfo=UTC),
        datetime(2028, 2, 29, 12, 0, tzinfo=UTC),
    ],
)
def test_at_any_hour_the_next_run_is_ahead_and_somebody_is_due(now):
    clock = people.Clock(now, 365)
    plan = plans.merchants()[0]

    who = [one for one in people.cast(plan, clock) if one.appointment]

    assert clock.last_night < now < clock.next_night
    due_now = [one for one in who if clock.last_night < one.appointment + plan.points_last <= now]
    due_tonight = [one for one in who if now < one.appointment + plan.points_last <= clock.next_night]
    assert len(due_now) == people.DUE_NOW
    assert len(due_tonight) == people.DUE_TONIGHT


def test_the_same_clock_tells_the_same_story():
    plan, clock = plans.merchants()[1], people.Clock(NOW, 60)

    def story():
        cast = people.cast(plan, clock)
        return [visit for day in days_of(clock) for visit in visits_of(plan, cast, clock, day)]

    assert story() == story()


def test_people_come_when_the_shops_are_open():
    [_, bookshop] = plans.merchants()
    clock = people.Clock(NOW, 365)
    cast = people.cast(bookshop, clock)

    visits = [visit for day in days_of(clock) for visit in visits_of(bookshop, cast, clock, day)]

    local = [visit.at.astimezone(bookshop.zone) for visit in visits if not visit.shop.is_online]
    assert {moment.weekday() for moment in local} == {0, 1, 2, 3, 4, 5}
    assert {moment.hour for moment in local} == set(bookshop.hours)


def test_static_files_are_collected_once_and_again_when_one_changes(settings, tmp_path):
    (tmp_path / "files").mkdir()
    source = tmp_path / "files" / "a.css"
    source.write_text("a { color: red }")
    settings.STATICFILES_DIRS = [tmp_path / "files"]
    settings.STATIC_ROOT = str(tmp_path / "collected")
    get_finder.cache_clear()

    assert static.collect()
    assert not static.collect()
    source.write_text("a { color: rebeccapurple }")
    # Django takes a file for unchanged that has changed within the second in which it was copied.
    os.utime(source, (time.time() + 2, time.time() + 2))
    assert static.collect()

    get_finder.cache_clear()
    assert (tmp_path / "collected" / "a.css").read_text() == "a { color: rebeccapurple }"


@pytest.mark.parametrize("number", [0, 1])
def test_the_tills_printed_earn_at_their_merchant(told, client, number):
    with transaction.atomic():
        old, till = tills.tills(told.as_of)[number], tills.tills(told.as_of)[number]
        address = f"/api/v1/store/loyalty/cards/{till['a_card']}"

        earned = client.post(
            f"{address}/points",
            {"amount": "4.50", "orderReference": "demo"},
            content_type="application/json",
            headers={"X-API-Key": till["key"]},
        )
        refused = client.get(address, headers={"X-API-Key": old["key"]})
        transaction.set_rollback(True)

    assert (earned.status_code, refused.status_code) == (201, 401)


def test_some_came_because_of_a_friend_and_others_are_invited(told):
    converted = Invite.objects.filter(status=Invite.Status.CONVERTED)

    assert all(invite.invitee.enrolled_at < invite.completed_at < NOW for invite in converted.select_related("invitee"))
    credited = LedgerEntry.objects.filter(type=EntryType.REFERRAL_BONUS).values("member_id").distinct().count()
    assert 0 < credited <= converted.count()
    assert converted.values("merchant_id").distinct().count() == 2
    assert Invite.objects.filter(status=Invite.Status.SENT).count() == 2 * friends.ADDRESSEES
    assert GuardrailOverride.objects.count() == 2
