"""The snapshot: one row a merchant and day, whoever captures it and however often; what the API makes of it."""

import json
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from loyalty_site.jobs.models import Run
from loyalty_site.tenants.models import Customer, Merchant, Store
from referrals import jobs, snapshots
from referrals.models import AnalyticsSnapshot
from tests.callers import operator_of, signed_in
from tests.cast import make_member, make_merchant
from tests.referrals.happenings import convert, invite

DAY = timedelta(days=1)
NIGHT = datetime(2026, 3, 3, 3, tzinfo=UTC)


def capture(at, *merchants):
    return snapshots.capture(merchants=merchants or Merchant.objects.all(), at=at)


@pytest.fixture
def world(own_database, noon):
    """The café, where Alice bought at noon and brought somebody, and the bookshop."""
    from loyalty.operations import points

    program, bookshop = make_merchant("cafe"), make_merchant("bookshop")
    alice = make_member(program, "alice")
    counter = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    points.earn(member=alice, store=counter, amount=Decimal("4.50"), order_reference="W-1", at=noon)
    convert(alice, noon)
    make_member(bookshop, "bookworm")
    return program.merchant


def test_the_job_stores_one_row_a_merchant_and_day_as_of_its_instant(world):
    for late in (timedelta(minutes=2), timedelta(hours=5), DAY):
        with time_machine.travel(NIGHT + late, tick=False):
            jobs.capture_snapshot()

    kept = AnalyticsSnapshot.objects.filter(merchant=world).order_by("day")
    assert [(each.day, each.computed_at) for each in kept] == [
        (date(2026, 3, 3), NIGHT),
        (date(2026, 3, 4), NIGHT + DAY),
    ]
    first = kept[0]
    assert (first.members, first.invites, first.conversions, first.points_earned) == (2, 1, 1, 45)
    assert first.segments[0] == {
        "slug": "active",
        "members": 1,
        "active_cards": 1,
        "invites": 1,
        "conversions": 1,
        "points_earned": 45,
    }
    assert AnalyticsSnapshot.objects.count() == 4
    assert Run.objects.latest("started_at").counts == {"merchants": 2, "members": 3}


def test_capturing_a_day_again_brings_its_row_up_to_date_and_never_back(world):
    capture(NIGHT)
    invite(world.members.earliest("created_at"), NIGHT + DAY / 4)

    capture(NIGHT + DAY / 2)
    capture(NIGHT + DAY / 8)

    kept = AnalyticsSnapshot.objects.get(merchant=world)
    assert (kept.computed_at, kept.invites) == (NIGHT + DAY / 2, 2)


def test_captured_by_many_at_once_it_is_one_row(world):
    failed = []

    def work():
        try:
            capture(NIGHT)
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failed
    assert AnalyticsSnapshot.objects.count() == 2


def test_captured_while_tills_write_it_is_of_one_moment(world):
    from loyalty.models import Member, Program
    from loyalty.operations import points

    program = Program.objects.get(merchant=world)
    stop, failed = threading.Event(), []

    def writes(name):
        try:
            counter, number = Store.objects.get(merchant=world), 0
            while not stop.is_set():
                member = make_member(program, f"{name}-{number}", at=NIGHT - DAY)
                member = Member.objects.select_related("program", "tier").get(pk=member.pk)
                points.earn(
                    member=member, store=counter, amount=Decimal(1), order_reference=f"{name}-{number}", at=NIGHT - DAY
                )
                number += 1
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    tills = [threading.Thread(target=writes, args=[name]) for name in ("a", "b")]
    for till in tills:
        till.start()
    try:
        for _ in range(8):
            capture(NIGHT, world)
            kept = AnalyticsSnapshot.objects.get(merchant=world)
            # Alice's 45 points beside the 10 of each who came: nobody is counted without what they did.
            active = kept.segments[0]["members"] - 1
            assert kept.points_earned == 45 + 10 * active
            assert sum(segment["members"] for segment in kept.segments) == kept.members
    finally:
        stop.set()
        for till in tills:
            till.join(30)

    assert failed == []
    capture(NIGHT, world)
    assert AnalyticsSnapshot.objects.filter(merchant=world).count() == 1
    assert AnalyticsSnapshot.objects.get(merchant=world).members == Member.objects.filter(merchant=world).count()


def test_a_merchant_that_fails_does_not_keep_the_others_from_theirs(world, owner_connection):
    owner_connection.execute(
        f"ALTER TABLE loyalty_analytics_snapshots ADD CONSTRAINT not_the_cafe CHECK (merchant_id <> '{world.pk}')"
    )

    with pytest.raises(ExceptionGroup) as caught:
        jobs.capture_snapshot()

    assert "cafe" in caught.value.exceptions[0].__notes__[0]
    assert [each.merchant.slug for each in AnalyticsSnapshot.objects.all()] == ["bookshop"]
    assert Run.objects.get().status == "failed"


def test_the_command_catches_up_on_a_day_of_one_merchant(world, manage):
    asked = ["capture_snapshot", "--merchant", "cafe", "--as-of", "2026-03-03T03:00", "--format", "json"]

    foreseen = json.loads(manage(*asked, "--dry-run").stdout)
    assert not AnalyticsSnapshot.objects.exists()
    done = json.loads(manage(*asked).stdout)

    assert [(row["slug"], row["members"]) for row in foreseen["segments"]] == [
        ("active", 1),
        ("stalled", 0),
        ("at-risk", 1),
    ]
    assert (done["merchants"], done["members"]) == (1, 2)
    assert AnalyticsSnapshot.objects.get().merchant == world


def test_the_command_refuses_the_future_and_an_unknown_merchant(world, manage):
    later = (timezone.now() + DAY).isoformat()

    assert manage("capture_snapshot", "--as-of", later).returncode == 2
    assert manage("capture_snapshot", "--merchant", "nobody").returncode == 2
    assert manage("capture_snapshot", "--as-of", "tomorrow").returncode == 2
    assert not AnalyticsSnapshot.objects.exists()


# --- The API ----------------------------------------------------------------------------------------------------
SEGMENT = {
    "slug",
    "label",
    "memberCount",
    "averageInvitesPerMember",
    "averageConversionsPerMember",
    "averagePointsEarnedPerMember",
}
VELOCITY = {
    "computedAt",
    "windowDays",
    "totalInvites",
    "totalConversions",
    "totalPointsEarned",
    "invitesPerMember",
    "conversionsPerMember",
    "pointsPerMember",
}


def test_segments_are_those_of_the_newest_snapshot_and_say_since_when(world):
    capture(NIGHT)
    capture(NIGHT + DAY)
    member = world.members.select_related("customer").earliest("created_at")

    for caller in (operator_of(world), signed_in(world, member.customer.user_id)):
        answer = caller.get("referrals/segments").json()

        assert set(answer) == {"computedAt", "windowDays", "segments"}
        assert (answer["computedAt"], answer["windowDays"]) == ("2026-03-04T03:00:00Z", 30)
        assert [segment["slug"] for segment in answer["segments"]] == ["active", "stalled", "at-risk"]
        assert all(set(segment) == SEGMENT for segment in answer["segments"])
        active = answer["segments"][0]
        assert (active["memberCount"], active["averageInvitesPerMember"], active["averagePointsEarnedPerMember"]) == (
            1,
            1.0,
            45.0,
        )


@pytest.mark.parametrize(
    ("locale", "label"),
    [
        ("", "Members at risk"),
        ("fr", "Membres à risque"),
        ("de-AT", "Gefährdete Mitglieder"),
        ("xx", "Members at risk"),
    ],
)
def test_segments_are_called_in_the_members_language(world, locale, label):
    member = world.members.select_related("customer").earliest("created_at")
    Customer.objects.filter(pk=member.customer_id).update(locale=locale)

    mine = signed_in(world, member.customer.user_id).get("referrals/segments").json()
    theirs = operator_of(world).get("referrals/segments").json()

    assert (mine["segments"][2]["label"], theirs["segments"][2]["label"]) == (label, "Members at risk")


def test_without_a_snapshot_a_live_one_is_served_and_nothing_is_stored(world):
    caller = operator_of(world)
    before = timezone.now()

    found = caller.get("referrals/segments").json()
    velocity = caller.get("analytics/velocity").json()

    assert datetime.fromisoformat(found["computedAt"]) >= before
    assert sum(segment["memberCount"] for segment in found["segments"]) == 2
    assert len(velocity["snapshots"]) == 1
    assert set(velocity["snapshots"][0]) == VELOCITY
    assert velocity["nextCursor"] is None
    assert not AnalyticsSnapshot.objects.exists()


def test_a_merchant_without_members_is_inactive(own_database):
    merchant = make_merchant("empty").merchant

    [segment] = operator_of(merchant).get("referrals/segments").json()["segments"]

    assert (segment["slug"], segment["memberCount"], segment["averageInvitesPerMember"]) == ("inactive", 0, 0.0)


def test_velocity_is_paged_newest_first_each_day_once(world):
    for number in range(7):
        capture(NIGHT + number * DAY)
    caller, days, cursor = operator_of(world), [], None

    while cursor is not None or not days:
        page = caller.get("analytics/velocity", limit=3, **({"cursor": cursor} if cursor else {})).json()
        days += [each["computedAt"][:10] for each in page["snapshots"]]
        cursor = page["nextCursor"]

    assert days == [f"2026-03-{day:02}" for day in range(9, 2, -1)]
    newest = caller.get("analytics/velocity", limit=1).json()["snapshots"][0]
    assert (newest["totalInvites"], newest["totalConversions"], newest["totalPointsEarned"]) == (1, 1, 45)
    assert (newest["invitesPerMember"], newest["pointsPerMember"]) == (0.5, 22.5)


def test_velocity_refuses_members_foreign_cursors_and_odd_limits(world):
    capture(NIGHT)
    capture(NIGHT + DAY)
    bookshop = Merchant.objects.get(slug="bookshop")
    cursor = operator_of(bookshop).get("analytics/velocity", limit=1).json()["nextCursor"]
    caller = operator_of(world)
    member = world.members.select_related("customer").earliest("created_at")

    assert caller.get("analytics/velocity", cursor=cursor).json()["code"] == "invalid_cursor"
    assert [caller.get("analytics/velocity", limit=limit).status_code for limit in (0, 31, "x", -1)] == [400] * 4
    assert caller.get("analytics/velocity", days=3).status_code == 400
    assert signed_in(world, member.customer.user_id).get("analytics/velocity").status_code == 403
