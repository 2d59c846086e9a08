"""How long nudges are kept, and what must outlast them."""

from datetime import timedelta

import pytest
from django.db import connection

from loyalty.models import CheckoutIntent
from loyalty_site.ids import new_id
from notifications.models import Message, Nudge, NudgeDispatchEvent, NudgeExposure
from notifications.nudges import lift, purging
from tests.cast import make_member
from tests.notifications.nudging import aggregate, campaign, consents, dispatch, intend, nudges_of

KEEP = timedelta(days=60)


def attempt(nudge, at):
    return NudgeDispatchEvent.objects.create(
        merchant=nudge.merchant, nudge=nudge, message_id=nudge.pk, campaign_slug="c", channel="email", sent_at=at,
        outcome="sent",
    )  # fmt: skip


@pytest.fixture
def over(alice, cafe, noon):
    """Alice dismissed a nudge, was told of it, and what it was about is resolved."""
    consents(alice)
    intend(alice, at=noon)
    aggregate(cafe, noon)
    dispatch(cafe, noon)
    nudge = Nudge.objects.get()
    attempt(nudge, noon)
    CheckoutIntent.objects.update(status="resolved", resolved_at=noon)
    Nudge.objects.update(status="dismissed", dismissed_at=noon, expires_at=noon + timedelta(days=2))
    return nudge


def purge(at, **more):
    return purging.purge(at=at, keep=more.pop("keep", KEEP), **more)


def test_a_nudge_goes_with_its_attempts_when_it_has_been_over_for_long(over, noon):
    early = purge(noon + timedelta(days=62))
    late = purge(noon + timedelta(days=62, seconds=1))

    assert early["nudges"] == 0
    assert late == {"nudges": 1, "attempts": 0, "exposures": 0}
    assert not Nudge.objects.exists()
    assert not NudgeDispatchEvent.objects.exists()
    assert Message.objects.count() == 1


def test_a_nudge_put_away_stays_away_as_long_as_its_reason_stands(over, alice, cafe, noon):
    much_later = noon + timedelta(days=500)
    CheckoutIntent.objects.update(status="pending", resolved_at=None, expires_at=much_later + timedelta(days=1))

    assert purge(much_later)["nudges"] == 0
    aggregate(cafe, much_later)

    assert nudges_of(alice) == {"checkout_reminder": "dismissed"}


def test_an_active_nudge_stays_and_loses_its_old_attempts(over, noon):
    Nudge.objects.update(status="active", dismissed_at=None)
    young = attempt(over, noon + timedelta(days=30))

    assert purge(noon + timedelta(days=89)) == {"nudges": 0, "attempts": 1, "exposures": 0}
    assert NudgeDispatchEvent.objects.get() == young


def test_nothing_goes_within_30_days_and_no_exposure_within_400(over, cafe, noon):
    row = campaign(cafe, "checkout_recovery")
    none = {"nudges": 0, "attempts": 0, "exposures": 0}

    assert purge(noon + timedelta(days=29), keep=timedelta(0)) == none
    assert purge(noon + timedelta(days=400), keep=timedelta(0))["exposures"] == 0
    assert lift.of(row).nudged.members == 1
    assert purge(noon + timedelta(days=400, seconds=1), keep=timedelta(0))["exposures"] == 1
    assert not NudgeExposure.objects.exists()


def test_all_of_it_goes_in_chunks(over, program, cafe, noon):
    for number in range(6):
        nudge = Nudge.objects.get(pk=over.pk)
        nudge.id, nudge.member, nudge.source_id = new_id(), make_member(program, f"m{number}"), f"lot-{number}"
        nudge.nudge_type = "expiring_points"
        nudge.save(force_insert=True)

    assert purge(noon + timedelta(days=90), chunk=2)["nudges"] == 7


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (purging.NUDGES, "nudges_that_ended"),
        (purging.ATTEMPTS, "dispatches_by_age"),
        (purging.EXPOSURES, "exposures_by_age"),
    ],
)
def test_what_is_old_is_found_along_an_index(db, noon, statement, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {statement}", [noon, 100])
        assert index in "\n".join(row[0] for row in cursor.fetchall())
