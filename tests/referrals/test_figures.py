"""What the night counts for pages that could not wait: the same figures, with the time they are of."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from loyalty_site.console import business
from loyalty_site.tenants.models import Role
from referrals import snapshots
from referrals.models import AnalyticsSnapshot
from referrals.queries import figures
from tests.cast import make_merchant
from tests.console.conftest import ours, sign_in, theirs  # noqa: F401
from tests.console.world import MARK, buy, make_world

MANY = figures.LIVE_MEMBERS + 1


def counted_at_night(world, at):
    """As if the merchant had that many members when the night came."""
    snapshots.capture(merchants=[world.merchant], at=at)
    AnalyticsSnapshot.objects.filter(merchant=world.merchant).update(members=MANY)
    return snapshots.count_figures(at=at)


@pytest.fixture
def night():
    return timezone.now() - timedelta(hours=3)


@pytest.fixture
def analyst(ours, sign_in):  # noqa: F811
    return sign_in(ours.staff[Role.ANALYST])


def test_what_is_stored_is_what_would_be_counted(own_database):
    world = make_world("cafe")
    night = timezone.now()

    assert counted_at_night(world, night) == {"merchants": 1, "members": MANY}

    found, live = figures.newest(world.merchant), figures.of_the_night(world.merchant, at=night)
    assert found is not None
    assert found.is_stored
    for name in ("computed_at", "first", "last", "whole", "by_day", "churned", "cohorts"):
        assert getattr(found, name) == getattr(live, name), name
    assert sorted(found.by_store, key=str) == sorted(live.by_store, key=str)
    assert found.whole.moves.points_issued > 0
    assert (found.last - found.first).days == 29
    assert found.last == (night - timedelta(days=1)).date()


def test_no_person_is_in_it(own_database):
    world = make_world("cafe", members=3)
    counted_at_night(world, timezone.now())

    kept = json.dumps(AnalyticsSnapshot.objects.get(merchant=world.merchant).figures)

    for member in world.members:
        for word in (str(member.pk), str(member.customer_id), member.card_number, member.customer.email):
            assert word not in kept


def test_a_small_merchant_is_counted_when_somebody_asks(own_database):
    world = make_world("cafe")
    snapshots.capture(merchants=[world.merchant], at=timezone.now())

    assert snapshots.count_figures(at=timezone.now()) == {"merchants": 0, "members": 0}
    assert AnalyticsSnapshot.objects.get().figures is None
    assert figures.newest(world.merchant) is None


def test_a_later_capture_of_the_day_keeps_the_figures(own_database):
    world, night = make_world("cafe"), timezone.now().replace(hour=3)
    counted_at_night(world, night)

    snapshots.capture(merchants=[world.merchant], at=night + timedelta(minutes=1))

    assert AnalyticsSnapshot.objects.get().figures["computed_at"] == night.isoformat()


def test_the_page_shows_the_nights_figures_and_says_so(analyst, ours, theirs, night):  # noqa: F811
    with_committed_chunks(ours, night)
    before = analyst.get("/admin/analytics/").context["moves"].points_issued
    buy(ours, ours.member, "after-the-night", "100.00", timezone.now())

    shown = analyst.get("/admin/analytics/")

    assert shown.context["stored"].computed_at == night
    assert 'data-testid="stored"' in shown.content.decode()
    assert shown.context["moves"].points_issued == before
    assert MARK not in shown.content.decode().lower()
    today = timezone.now().date()
    asked = analyst.get("/admin/analytics/", {"first": str(today - timedelta(days=10)), "last": str(today)})
    assert asked.context["stored"] is None
    assert asked.context["moves"].points_issued >= 1000
    at_store = analyst.get("/admin/analytics/", {"store": ours.store.pk})
    assert at_store.context["stored"] is None


def test_the_overview_shows_them_too_and_the_last_of_their_days(analyst, ours, night):  # noqa: F811
    with_committed_chunks(ours, night)
    beside = make_merchant("beside").merchant

    told = business.figures([ours.merchant, beside], at=timezone.now())

    assert told[ours.merchant.pk].stored.computed_at == night
    assert told[beside.pk].stored is None
    shown = analyst.get("/admin/").content.decode()
    assert 'data-testid="stored"' in shown
    assert "today" not in shown[shown.index('data-testid="stored"') : shown.index('data-testid="stored"') + 3000]


def with_committed_chunks(world, night):
    """As `counted_at_night`, in a test's own transaction."""
    found = figures.of_the_night(world.merchant, at=night)
    AnalyticsSnapshot.objects.create(
        merchant=world.merchant, day=night.date(), computed_at=night, window_days=30, members=MANY, invites=0,
        conversions=0, points_earned=0, segments=[], figures=figures.kept(found),
    )  # fmt: skip
