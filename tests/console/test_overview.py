"""The landing page: what business does, for whom it is told, and what needs somebody."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from loyalty.models import Member, Program
from loyalty.operations import points
from loyalty_site.console import business
from loyalty_site.tenants.models import Role
from notifications.models import Message
from referrals.models import ReferralReview
from tests.cast import make_merchant
from tests.console.world import MARK

HOUR = timedelta(hours=1)


def buys(world, amount="7.00"):
    """A purchase at this moment."""
    now = timezone.now()
    member = Member.objects.select_related("program", "tier", "customer").get(pk=world.member.pk)
    return points.earn(
        member=member, store=world.store, amount=Decimal(amount), order_reference=f"today-{now.timestamp()}", at=now
    )


def figures_of(client, world):
    return next(one for one in client.get("/admin/").context["figures"] if one.merchant == world.merchant)


def waits(world, *, due):
    """The reward of each world that waits for a decision, until then."""
    ReferralReview.objects.filter(merchant=world.merchant).update(due_at=due)
    return ReferralReview.objects.get(merchant=world.merchant)


def fails(world, number, *, ago):
    at = timezone.now() - ago
    return Message.objects.create(
        merchant=world.merchant, member=world.member, code="loyalty_points_expired", key=f"failed-{number}",
        kind="transactional", channels=[], status="failed", created_at=at, finished_at=at,
    )  # fmt: skip


# --- Figures --------------------------------------------------------------------------------------------------
def test_today_stands_beside_thirty_days_and_both_are_those_of_the_analytics_page(manager, ours, theirs):
    earned = buys(ours).points_delta
    buys(theirs, "99.00")

    one = figures_of(manager, ours).business

    shown = manager.get("/admin/analytics/").context
    assert (one.month.moves, one.month.visitors) == (shown["moves"], shown["whole"].visitors)
    assert (one.month.retention, one.month.stamp_completion) == (
        shown["whole"].retention,
        shown["whole"].stamp_completion,
    )
    assert (one.today.moves.points_issued, one.today.visitors, one.today.moves.enrolments) == (earned, 1, 0)
    assert [(owed.points, worth) for owed, worth in one.owed] == [
        (row["points"], row["worth"]) for row in shown["owed"]
    ]
    text = manager.get("/admin/").content.decode()
    assert f"/admin/analytics/?merchant={ours.merchant.pk}" in text
    assert "Month-3 retention" in text
    assert MARK not in text


@pytest.mark.parametrize("role", [Role.CASHIER, Role.ANALYST])
def test_business_is_for_those_who_see_analytics(role, ours, sign_in):
    client = sign_in(ours.staff[role])

    told = figures_of(client, ours).business

    assert (told is not None) == (role == Role.ANALYST)
    assert ("Month-3 retention" in client.get("/admin/").content.decode()) == (role == Role.ANALYST)


def test_the_platform_sees_each_merchants_figures_by_themselves(sign_in, platform, ours, theirs):
    earned = buys(theirs).points_delta
    client = sign_in(platform)

    assert figures_of(client, ours).business.today.moves.points_issued == 0
    assert figures_of(client, theirs).business.today.moves.points_issued == earned


def test_a_merchant_without_a_program_has_figures_of_nothing(db):
    program = make_merchant("cafe")
    merchant = program.merchant
    program.delete()

    [one] = business.figures([merchant], at=timezone.now()).values()

    assert (one.month.moves.points_issued, one.today.visitors, one.owed) == (0, 0, [])


def test_today_is_the_day_at_the_merchants_place(alice, counter, cafe):
    def buy(at):
        points.earn(member=alice, store=counter, amount=Decimal(1), order_reference=at.isoformat(), at=at)

    # In Auckland the 3rd begins at 11:00 UTC of the 2nd.
    Program.objects.update(time_zone="Pacific/Auckland")
    alice.refresh_from_db()
    for hour, minute in ((10, 59), (11, 0), (13, 30)):
        buy(datetime(2026, 3, 2, hour, minute, tzinfo=UTC))

    told = business.figures([cafe], at=datetime(2026, 3, 2, 14, 0, tzinfo=UTC))[cafe.pk]

    assert (told.today.moves.points_issued, told.month.moves.points_issued) == (20, 30)


def test_ten_merchants_cost_as_many_queries_as_one(db, django_assert_num_queries):
    merchants = [make_merchant(f"m{number}").merchant for number in range(10)]

    for some in (merchants[:1], merchants):
        with django_assert_num_queries(9):
            business.figures(some, at=timezone.now())


# --- What needs somebody --------------------------------------------------------------------------------------
def test_rewards_that_wait_are_named_to_those_who_decide(ours, theirs, sign_in, platform):
    now = timezone.now()
    waits(ours, due=now + HOUR)
    waits(theirs, due=now + HOUR)

    page = sign_in(ours.staff[Role.MANAGER]).get("/admin/")

    [notice] = page.context["notices"]
    assert notice.text == "1 reward of a referral (Cafe trading) waits for a decision."
    assert notice.kind == "warning"
    assert len(sign_in(ours.staff[Role.MANAGER]).get(notice.link).context["cl"].result_list) == 1
    for role in (Role.ANALYST, Role.CASHIER):
        assert sign_in(ours.staff[role]).get("/admin/").context["notices"] == []
    assert len(sign_in(platform).get("/admin/").context["notices"]) == 2


def test_a_reward_past_its_deadline_comes_first_and_a_decided_one_not_at_all(ours, manager):
    fails(ours, 1, ago=HOUR)
    review = waits(ours, due=timezone.now() - HOUR)

    assert [each.kind for each in manager.get("/admin/").context["notices"]] == ["danger", "warning"]
    ReferralReview.objects.filter(pk=review.pk).update(status="approved", decided_at=timezone.now())
    assert [each.kind for each in manager.get("/admin/").context["notices"]] == ["warning"]


def test_messages_that_failed_in_a_day_are_counted(ours, theirs, manager):
    for number, ago in enumerate((HOUR, 23 * HOUR, 25 * HOUR)):
        fails(ours, number, ago=ago)
    fails(theirs, 9, ago=HOUR)
    ReferralReview.objects.update(status="rejected", decided_at=timezone.now())

    [notice] = manager.get("/admin/").context["notices"]

    assert notice.text == "2 messages (Cafe trading) failed in 24 hours."
    assert len(manager.get(notice.link).context["cl"].result_list) == 3
