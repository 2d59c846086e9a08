"""Making the demo's data: once, in a database of its own, whatever happens in between."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from loyalty.models import EntryType, LedgerEntry
from loyalty.queries import reconciliation
from loyalty_site.console.demo import merchants, plans, seeding
from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Merchant, User
from referrals.models import AnalyticsSnapshot

NOW = datetime(2026, 6, 18, 9, 30, tzinfo=UTC)

# Points have just begun to expire when the story ends.
DAYS = 190
FEW = [replace(plan, members=8) for plan in plans.merchants()]


class InterruptedTale(Exception):
    """Somebody pulled the plug."""


def _tell(at=NOW, days=DAYS, plan=FEW, **options):
    return seeding.seed(at=at, days=days, plan=plan, **options)


@pytest.mark.parametrize("stops_on", [1, 180, DAYS])
def test_a_start_that_was_broken_off_is_gone_on_with(db, stops_on):
    days = iter(range(1, 1000))

    def pull_the_plug(_days):
        if next(days) == stops_on:
            raise InterruptedTale

    with pytest.raises(InterruptedTale):
        _tell(advance=pull_the_plug)
    half = LedgerEntry.objects.count()

    gone_on = _tell(at=NOW + timedelta(hours=5))

    assert gone_on.created
    assert gone_on.as_of == NOW
    assert LedgerEntry.objects.count() > half or stops_on == DAYS
    assert list(reconciliation.differences()) == []
    assert Run.objects.filter(job="loyalty.expire_points").count() == DAYS
    assert Run.objects.get(job=seeding.JOB, status=Run.Status.SUCCEEDED).counts["days_told"] == DAYS + 1


def test_the_nights_have_their_analytics_as_they_were(db):
    _tell()

    merchant = Merchant.objects.order_by("slug").first()
    kept = list(AnalyticsSnapshot.objects.filter(merchant=merchant).order_by("day"))
    assert (kept[-1].day, kept[0].day) == (NOW.date(), (NOW - timedelta(days=DAYS - 7)).date())
    assert len(kept) == 60 + (DAYS - 60) // 7
    assert {each.members for each in kept} == {8}
    assert len({each.points_earned for each in kept}) > 2


def _forget(days):
    """As after a power cut that lost the last words on how far the story had come."""
    run = Run.objects.get(job=seeding.JOB)
    counts = {**run.counts, "days_told": run.counts["days_told"] - days}
    Run.objects.filter(pk=run.pk).update(status=Run.Status.FAILED, counts=counts)


def test_who_spent_points_before_it_was_broken_off_does_not_choose_again(own_database):
    many = [replace(each, members=40) for each in FEW]
    _tell(plan=many)
    # Far more days than can be lost: in many of them somebody would choose another reward now.
    _forget(60)

    assert _tell(plan=many).created

    assert list(reconciliation.differences()) == []


def test_a_day_told_twice_happens_once(db):
    _tell()
    entries = LedgerEntry.objects.exclude(type=EntryType.ADMIN_ADJUSTMENT).count()
    _forget(1)

    _tell()

    assert LedgerEntry.objects.exclude(type=EntryType.ADMIN_ADJUSTMENT).count() == entries
    assert list(reconciliation.differences()) == []


def test_a_database_with_merchants_of_its_own_is_refused(db):
    Merchant.objects.create(slug="somebody", name="Somebody")

    with pytest.raises(seeding.DatabaseInUse):
        seeding.refuse_where_others_live(own_database=False)

    # In the embedded one, a replay may have left its merchant.
    seeding.refuse_where_others_live(own_database=True)


def test_a_merchant_of_the_same_name_is_never_written_into(db):
    Merchant.objects.create(slug="cafe-moulin", name="A real café")

    with pytest.raises(seeding.DatabaseInUse):
        seeding.refuse_where_others_live(own_database=True)


def test_a_changed_password_stays_and_is_not_printed(db):
    _tell(days=2)
    owner = User.objects.get(email="owner@cafe-moulin.example.com")
    owner.set_password("something of my own")
    owner.save()

    _tell(days=2)

    [shown] = [login for login in merchants.logins() if login["email"] == owner.email]
    assert shown["password"] == "(changed)"
    owner.refresh_from_db()
    assert owner.check_password("something of my own")
