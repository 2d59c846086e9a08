"""The analytics page: who sees it, whose figures it shows, and how it stands in a browser."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from loyalty.models import Member
from loyalty_site.console import charts
from loyalty_site.tenants.models import Merchant, Role, Store
from referrals import snapshots
from tests.console.test_isolation import _plain
from tests.console.test_journeys import _sign_in
from tests.console.world import MARK, PASSWORD, make_user, make_world

ADDRESS = "/admin/analytics/"
UNKNOWN = UUID("01900000-0000-7000-8000-00000000dead")


def days(**more):
    """The hundred days until today."""
    today = timezone.now().date()
    return {"first": (today - timedelta(days=99)).isoformat(), "last": today.isoformat(), **more}


@pytest.fixture
def analyst(ours, sign_in):
    return sign_in(ours.staff[Role.ANALYST])


def test_the_figures_are_those_of_the_days_asked_for(analyst, ours):
    shown = analyst.get(ADDRESS, days()).context

    # Two members came: 125 points early and 200 late each; the early ones expired. Others were only enrolled.
    everybody = Member.objects.filter(merchant=ours.merchant).count()
    assert (shown["moves"].points_issued, shown["moves"].points_expired) == (650, 250)
    assert (shown["moves"].enrolments, shown["whole"].visitors, shown["churned"]) == (everybody, 2, 0)
    assert [row.members for row in shown["cohorts"]] == [2]
    assert [owed["points"] for owed in shown["owed"]] == [400]
    assert [segment.members for _name, segment, _part in shown["segments"]] == [2, 0, everybody - 2]
    assert sum(moves.points_issued for _store, moves in shown["by_store"]) == 650
    early = analyst.get(ADDRESS, {"first": "2000-01-01", "last": "2000-01-31"}).context
    assert (early["moves"].points_issued, early["whole"].visitors, early["cohorts"]) == (0, 0, [])


def test_with_a_store_they_are_those_of_the_store(analyst, ours):
    empty = Store.objects.create(merchant=ours.merchant, reference="empty", name="Empty")

    shown = analyst.get(ADDRESS, days(store=empty.pk)).context

    assert (shown["moves"].points_issued, shown["moves"].enrolments, shown["whole"].visitors) == (0, 0, 0)
    assert shown["cohorts"] == []
    assert analyst.get(ADDRESS, days(store=ours.store.pk)).context["moves"].points_issued == 650


def test_segments_over_time_are_the_snapshots_of_those_days(analyst, ours):
    now = timezone.now().astimezone(UTC)
    for ago in (200, 38, 2, 1):
        snapshots.capture(merchants=[ours.merchant], at=now - timedelta(days=ago))

    shown = analyst.get(ADDRESS, days()).context

    everybody = Member.objects.filter(merchant=ours.merchant).count()
    assert [sum(values) for _day, values in shown["over_time"].rows] == [2, everybody, everybody]
    [(_name, points), *_] = shown["velocity"]
    assert [values for _day, values in points.rows] == [[250], [400], [400]]
    assert shown["computed_at"] == now - timedelta(days=1)


def test_theirs_is_what_nothing_is(analyst, ours, theirs):
    for name, row in (("merchant", theirs.merchant), ("store", theirs.store)):
        found = analyst.get(ADDRESS, days(**{name: row.pk}))
        nothing = analyst.get(ADDRESS, days(**{name: UNKNOWN}))

        assert found.status_code == nothing.status_code == 200
        assert _plain(found, row.pk) == _plain(nothing, UNKNOWN)
        assert "moves" not in found.context
    assert MARK not in analyst.get(ADDRESS).content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"first": "2026-03-02", "last": "2026-03-01"},
        {"first": "2020-01-01", "last": "2026-03-01"},
        {"first": "yesterday", "last": "9999-12-31"},
        {"merchant": "x", "store": "y"},
        {"merchant": "\x00", "first": "\x00"},
    ],
)
def test_what_is_no_range_is_said_to_be_none(analyst, ours, query):
    page = analyst.get(ADDRESS, query)

    assert page.status_code == 200
    assert page.context["form"].errors or "\x00" in query["merchant"]


def test_owner_manager_analyst_and_platform_see_it_and_nobody_else(ours, platform, sign_in):
    stranger = make_user("stranger@example.com")
    bound = make_user("bound@example.com", role=Role.MANAGER, merchant=ours.merchant, store=ours.store)
    seen = {
        user: sign_in(user).get(ADDRESS).status_code
        for user in [*(ours.staff[role] for role in (Role.OWNER, Role.MANAGER, Role.ANALYST)), platform]
    }

    assert set(seen.values()) == {200}
    for user in (ours.staff[Role.CASHIER], bound):
        client = sign_in(user)
        assert client.get(ADDRESS).status_code == 403
        assert ADDRESS not in client.get("/admin/").content.decode()
    assert sign_in(stranger).get(ADDRESS).status_code == 403
    assert sign_in(ours.staff[Role.ANALYST]).get("/admin/").content.decode().count(ADDRESS) >= 1


def test_a_merchant_without_a_program_has_figures_of_nothing(platform, sign_in):
    empty = Merchant.objects.create(slug="empty", name="Empty")

    shown = sign_in(platform).get(ADDRESS, days(merchant=empty.pk)).context

    assert (shown["moves"].points_issued, shown["owed"], shown["cohorts"]) == (0, [], [])
    assert [segment.slug for _name, segment, _part in shown["segments"]] == ["inactive"]


def test_bars_share_the_height_and_the_width_of_the_box():
    chart = charts.stacked(["a", "b"], [("one", [1, 3]), ("two", [0, 0])])
    beside = charts.beside(["a", "b"], [("one", [1, 4])])

    assert [(part.y, part.height) for part in chart.bars[0].parts] == [(75.0, 25.0), (0.0, 75.0)]
    assert (chart.most, chart.bars[1].x, chart.bars[1].width) == (4, 55.0, 40.0)
    assert [part.height for bar in beside.bars for part in bar.parts] == [25.0, 100.0]
    assert charts.stacked(["a"], []).bars == []
    assert [charts.bundles(count) for count in (0, 46, 47, 366)] == [1, 1, 2, 8]


@pytest.mark.parametrize("width", [360, 1280])
def test_in_a_browser_it_fits_the_screen_and_asks_nobody_else(live_site, browser_page, width):
    world = make_world("cafe")
    now = datetime.now(UTC)
    for ago in range(1, 40):
        snapshots.capture(merchants=[world.merchant], at=now - timedelta(days=ago))
    user = world.staff[Role.ANALYST]
    user.set_password(PASSWORD)
    user.save()
    page, asked, said = browser_page, [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: said.append(line.text))
    page.set_viewport_size({"width": width, "height": 800})
    _sign_in(page, live_site, user)

    page.goto(f"{live_site.url}{ADDRESS}")

    assert page.locator(".console-fill").count() > 40
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_text("As a table").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Show").click()
    page.get_by_text("Month-3 retention").wait_for()
    assert all(url.startswith((live_site.url, "data:")) for url in asked)
    assert not [line for line in said if "Content Security Policy" in line]
