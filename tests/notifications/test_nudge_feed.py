"""What a member is shown, and what they say to it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.models import CheckoutIntent
from loyalty.operations import anonymization
from loyalty_site.ids import new_id
from notifications.models import Nudge, NudgeDispatchEvent
from notifications.nudges import feed
from tests.callers import operator_of, signed_in
from tests.notifications.nudging import aggregate, consents, give, intend, request
from tests.tills import problem

FIELDS = [
    "id", "nudgeType", "headline", "body", "ctaLabel", "ctaHref", "expiresAt", "priority", "metadata", "campaignSlug",
    "channels", "status", "lastTriggeredAt", "acknowledgedAt", "dismissedAt",
]  # fmt: skip


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def lots(program):
    program.expiry_policy, program.points_valid_days = "lots", 90
    program.save()
    return program


@pytest.fixture
def nudge(ana, me, now):
    """Ana left something at a checkout, and has seen it in the feed."""
    intend(ana, at=now)
    [shown] = me.get("nudges").json()["nudges"]
    return shown


def test_the_feed_looks_before_it_shows(me, lots, ana, now):
    give(ana, 100, at=now, valid_days=3)
    request(ana, 40, at=now - timedelta(days=4))
    intend(ana, at=now)

    shown = me.get("nudges").json()["nudges"]

    assert [each["nudgeType"] for each in shown] == ["expiring_points", "checkout_reminder", "redemption_follow_up"]
    assert [each["priority"] for each in shown] == [20, 10, 5]
    assert all(list(each) == FIELDS for each in shown)


def test_of_one_priority_what_is_over_soonest_comes_first(me, lots, ana, now):
    give(ana, 10, at=now, valid_days=0.9, key="later")
    give(ana, 20, at=now, valid_days=0.5, key="sooner")

    shown = me.get("nudges").json()["nudges"]

    assert [each["metadata"]["points"] for each in shown] == [20, 10]


def test_a_nudge_has_every_field_and_no_more(me, ana, nudge):
    assert nudge["nudgeType"] == "checkout_reminder"
    assert nudge["metadata"]["intentKind"] == "referral_share"
    assert (nudge["campaignSlug"], nudge["channels"], nudge["status"]) == (
        "checkout_recovery", ["email", "push"], "active"
    )  # fmt: skip
    assert nudge["acknowledgedAt"] is nudge["dismissedAt"] is None
    assert nudge["lastTriggeredAt"] < nudge["expiresAt"]


def test_an_unchanged_feed_writes_nothing(me, nudge):
    with CaptureQueriesContext(connection) as queries:
        again = me.get("nudges").json()

    assert again == {"nudges": [nudge]}
    assert not [each for each in queries if "INSERT INTO loyalty_nudges" in each["sql"]]


@pytest.mark.parametrize("status", ["acknowledged", "dismissed"])
def test_an_answered_nudge_leaves_the_feed_and_stays_in_the_history(me, nudge, cafe, status):
    response = me.post(f"nudges/{nudge['id']}/status", {"status": status})

    assert (response.status_code, response.content) == (204, b"")
    aggregate(cafe, timezone.now())
    assert me.get("nudges").json() == {"nudges": []}
    [kept] = me.get("nudges/history").json()["nudges"]
    assert kept["status"] == status
    assert (kept["acknowledgedAt"] is not None, kept["dismissedAt"] is not None) == (
        status == "acknowledged", status == "dismissed"
    )  # fmt: skip


def test_without_a_status_it_is_acknowledged_and_active_brings_it_back(me, nudge):
    me.post(f"nudges/{nudge['id']}/status")
    assert Nudge.objects.get().status == "acknowledged"

    assert me.post(f"nudges/{nudge['id']}/status", {"status": "active"}).status_code == 204

    assert me.get("nudges").json() == {"nudges": [nudge]}


def test_what_is_over_cannot_be_made_active_again(me, nudge):
    CheckoutIntent.objects.update(status="resolved", resolved_at=timezone.now())
    me.get("nudges")
    assert Nudge.objects.get().status == "expired"

    assert me.post(f"nudges/{nudge['id']}/status", {"status": "active"}).status_code == 204

    assert Nudge.objects.get().status == "expired"


def test_an_answer_counts_once_with_its_key(me, nudge):
    path = f"nudges/{nudge['id']}/status"
    first = me.post(path, {"status": "dismissed"}, key="k")
    me.post(path, {"status": "active"})

    again = me.post(path, {"status": "dismissed"}, key="k")

    assert (first.status_code, again.status_code, again.content) == (204, 204, b"")
    assert again["Idempotent-Replayed"] == "true"
    assert Nudge.objects.get().status == "active"
    problem(me.post(path, {"status": "acknowledged"}, key="k"), 422, "idempotency_key_reused")


@pytest.mark.parametrize("body", [{"status": "expired"}, {"status": ""}, {"status": None}, {"state": "dismissed"}])
def test_an_unknown_status_is_malformed(me, nudge, body):
    assert me.post(f"nudges/{nudge['id']}/status", body).status_code == 400
    assert Nudge.objects.get().status == "active"


def test_anothers_nudge_is_none(me, nudge, cafe, alice, bookshop, bookworm):
    for other in (signed_in(cafe, alice.customer.user_id), signed_in(bookshop.merchant, bookworm.customer.user_id)):
        problem(other.post(f"nudges/{nudge['id']}/status"), 404, "not_found")
        assert other.get("nudges/history").json() == {"nudges": []}
    problem(me.post(f"nudges/{new_id()}/status"), 404, "not_found")
    problem(operator_of(cafe).get("nudges"), 403, "wrong_scope")
    assert me.post("nudges/x/status").status_code == 404
    assert Nudge.objects.get().status == "active"


def test_the_history_is_newest_first_and_as_long_as_asked(me, ana, now):
    for number in range(3):
        intend(ana, at=now - timedelta(hours=number), name=f"i-{number}")
        aggregate(ana.merchant, now - timedelta(hours=number))

    whole, short = (me.get("nudges/history", **query).json()["nudges"] for query in ({}, {"limit": 2}))

    assert len(whole) == 3
    assert [each["id"] for each in whole] == [
        str(pk) for pk in Nudge.objects.order_by("-created_at", "-pk").values_list("pk", flat=True)
    ]
    assert short == whole[:2]
    for limit in (0, 201, "x"):
        assert me.get("nudges/history", limit=limit).status_code == 400


def test_what_is_over_is_not_shown_even_if_nobody_has_looked_since(ana, now):
    intend(ana, at=now, expires_at=now + timedelta(hours=1))
    assert len(feed.current(ana, at=now)) == 1

    Nudge.objects.update(expires_at=now)
    # A longer-lived signal would be renewed; this one is over.
    assert feed.current(ana, at=now + timedelta(hours=1)) == []


# --- What is kept of a person ---------------------------------------------------------------------------------
def test_an_export_holds_the_nudges_and_forgetting_takes_their_words(me, ana, nudge, now):
    consents(ana)
    row = Nudge.objects.get()
    NudgeDispatchEvent.objects.create(
        merchant=ana.merchant, nudge=row, message_id=new_id(), campaign_slug=row.campaign_slug, channel="email",
        sent_at=now, outcome="failed", provider_id="p-1", error="no such box",
    )  # fmt: skip

    told = me.get("export").json()
    anonymization.anonymize(member=ana, at=now)

    assert row.payload["headline"] in str(told)
    assert "no such box" in str(told)
    row.refresh_from_db()
    assert (row.payload, row.status) == ({}, "expired")
    event = NudgeDispatchEvent.objects.get()
    assert (event.provider_id, event.error) == ("", "")
