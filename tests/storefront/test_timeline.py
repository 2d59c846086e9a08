"""The member's timeline: ledger and redemptions as one list, each entry once, in order."""

import json
import random
from datetime import timedelta
from decimal import Decimal
from itertools import islice
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.ledger import Posting, post
from loyalty.models import EntryType, LedgerEntry, Redemption
from loyalty.operations import points, redemptions
from loyalty.queries import ledger_window
from loyalty_site.storefront import sources, timeline
from notifications.models import Nudge
from tests.callers import operator_of, signed_in
from tests.notifications.nudging import intend
from tests.tills import problem

FILTERS = {
    "includeLedger": True,
    "includeRedemptions": True,
    "includeReferrals": True,
    "includeNudges": True,
    "includeGuardrails": True,
    "ledgerTypes": None,
    "redemptionStatuses": None,
    "referralStatuses": None,
    "nudgeStatuses": None,
    "guardrailScopes": None,
    "referralCode": None,
    "campaignSlug": None,
    "checkoutOrderId": None,
}


def nudge(member, moment, source_id="source", **more):
    """A nudge that was made then."""
    facts = {"nudge_type": "checkout_reminder", "campaign_slug": "checkout_recovery", "channels": [], "priority": 10}
    times = {"created_at": moment, "expires_at": moment + timedelta(days=2), "last_triggered_at": moment}
    return Nudge.objects.create(
        merchant=member.merchant, member=member, source_id=source_id, **{**facts, **times, **more}
    )


@pytest.fixture
def happen(ana, counter):
    """Something happens to Ana, that many days ago; some of it at the very same moment: happen(), happen(2)."""
    dice, now, numbers = random.Random(7), timezone.now(), iter(range(10**6))

    def something(days=0):
        moment = now - timedelta(days=days, seconds=dice.randrange(40))
        number = next(numbers)
        if dice.random() < 0.2:
            nudge(ana, moment, f"source-{number}")
            return
        if dice.random() < 0.7 or ana.points_available < 3:
            points.earn(member=ana, store=counter, amount=Decimal(1), order_reference=f"W-{number}", at=moment)
        else:
            redemptions.hold(member=ana, points=1, at=moment, key=f"R-{number}")
        ana.refresh_from_db()

    return something


def there(member):
    """Every entry of the timeline as the database has it, in order."""
    entries = LedgerEntry.objects.filter(member=member)
    requests = Redemption.objects.filter(member=member)
    reminders = Nudge.objects.filter(member=member)
    found = [((row.occurred_at, 2, f"{row.number:09}"), ("ledger", str(row.pk))) for row in entries]
    found += [((row.requested_at, 1, str(row.pk)), ("redemption", str(row.pk))) for row in requests]
    found += [((row.created_at, 0, str(row.pk)), ("nudge", str(row.pk))) for row in reminders]
    return [one for _, one in sorted(found, reverse=True)]


def walk(me, limit, *, enough=10**6, meanwhile=lambda: None, **query):
    found, cursor = [], None
    while len(found) < enough:
        page = me.get("timeline", limit=limit, **query, **({"cursor": cursor} if cursor else {})).json()
        assert len(page["entries"]) <= limit
        found += [(entry["kind"], entry["id"]) for entry in page["entries"]]
        assert page["hasMore"] == (page["cursorToken"] is not None)
        cursor = page["cursorToken"]
        if cursor is None:
            break
        assert len(page["entries"]) == limit
        meanwhile()
    return found


def test_whatever_the_limit_each_entry_comes_once_and_in_order_while_others_are_added(me, ana, happen, settings):
    settings.RATE_LIMIT_MEMBER = 10**6
    for _ in range(60):
        happen(1)
    assert LedgerEntry.objects.values("occurred_at").distinct().count() < LedgerEntry.objects.count()
    for limit in range(1, 51):
        expected = there(ana)
        # What comes meanwhile is newer, older, and of the very same moments.
        others = iter([0, 1, 2, 1, 0])

        found = walk(me, limit, meanwhile=lambda others=others: [happen(days) for days in islice(others, 1)])

        assert len(set(found)) == len(found)
        assert [one for one in found if one in set(expected)] == expected
    assert walk(me, 7) == there(ana)


def test_an_empty_timeline_has_its_final_shape(me):
    assert me.get("timeline").json() == {
        "entries": [],
        "cursor": {"ledger": None, "redemptions": None, "referrals": None, "nudges": None, "guardrails": None},
        "cursorToken": None,
        "hasMore": False,
        "appliedFilters": FILTERS,
    }


def test_an_entry_tells_what_its_own_list_tells(me, act, counter, ana):
    act(points.earn, store=counter, amount=Decimal(10), order_reference="W-1")
    ana.refresh_from_db()
    redemption = act(redemptions.hold, points=30, key="R-1")

    newest, oldest = me.get("timeline").json()["entries"]

    assert newest == {
        "kind": "redemption",
        "id": str(redemption.pk),
        "occurredAt": newest["redemption"]["requestedAt"],
        "redemption": {
            "id": str(redemption.pk),
            "memberId": str(ana.pk),
            "rewardId": None,
            "status": "requested",
            "pointsCost": 30,
            "quantity": 1,
            "requestedAt": newest["occurredAt"],
            "fulfilledAt": None,
            "cancelledAt": None,
            "failureReason": None,
        },
    }
    [line] = me.get("ledger").json()["entries"]
    assert oldest == {"kind": "ledger", "id": line["id"], "occurredAt": line["occurredAt"], "ledger": line}


def test_a_redemption_keeps_its_place_when_it_is_fulfilled(me, act, counter, ana):
    act(points.earn, store=counter, amount=Decimal(10), order_reference="W-1")
    redemption = act(redemptions.hold, points=30, key="R-1")
    act(points.earn, store=counter, amount=Decimal(10), order_reference="W-2")
    redemptions.fulfil(redemption=redemption, at=timezone.now())

    entries = me.get("timeline").json()["entries"]

    assert [entry["kind"] for entry in entries] == ["ledger", "ledger", "redemption", "ledger"]
    assert entries[0]["ledger"]["entryType"] == "redeem"
    assert entries[2]["redemption"]["status"] == "fulfilled"
    assert entries[2]["redemption"]["fulfilledAt"]


def test_a_nudge_tells_what_the_feed_tells_and_keeps_its_place(me, ana, act, counter):
    intend(ana, at=timezone.now() - timedelta(days=1))
    [fed] = me.get("nudges").json()["nudges"]
    act(points.earn, store=counter, amount=Decimal(10), order_reference="W-1")
    me.post(f"nudges/{fed['id']}/status", {"status": "dismissed"})

    newest, oldest = me.get("timeline").json()["entries"]

    assert newest["kind"] == "ledger"
    assert (oldest["kind"], oldest["id"]) == ("nudge", fed["id"])
    assert oldest["occurredAt"][:19] == fed["lastTriggeredAt"][:19]
    [kept] = me.get("nudges/history").json()["nudges"]
    assert oldest["nudge"] == kept
    assert list(oldest["nudge"]) == list(kept)


@pytest.mark.parametrize(
    ("query", "sources"),
    [
        ({}, ["c", "b", "a"]),
        ({"includeNudges": "false"}, []),
        ({"nudgeStatuses": "active"}, ["a"]),
        ({"nudgeStatuses": ["dismissed", "expired"]}, ["c", "b"]),
        ({"campaignSlug": "spring"}, ["b"]),
        ({"campaignSlug": "spring", "nudgeStatuses": "active"}, []),
        ({"campaignSlug": "%"}, []),
        ({"checkoutOrderId": "O-1"}, ["c"]),
    ],
)
def test_nudges_are_narrowed_by_status_campaign_and_order(me, ana, query, sources):
    now = timezone.now()
    nudge(ana, now - timedelta(days=3), "a")
    nudge(ana, now - timedelta(days=2), "b", status="dismissed", campaign_slug="spring")
    nudge(ana, now - timedelta(days=1), "c", status="expired", payload={"metadata": {"orderId": "O-1"}})

    entries = me.get("timeline", **query).json()["entries"]

    names = dict(Nudge.objects.values_list("pk", "source_id"))
    assert [names[UUID(entry["id"])] for entry in entries] == sources


# --- Filters --------------------------------------------------------------------------------------------------
@pytest.fixture
def week(act, counter, ana):
    act(points.earn, store=counter, amount=Decimal(10), order_reference="W-1")
    act(points.award, type=EntryType.TIER_BONUS, points=5, key="k", metadata={"order_id": "order-9"})
    act(points.adjust, points=-1, reason="a slip", actor=None, key="k")
    ana.refresh_from_db()
    act(redemptions.hold, points=3, key="R-1")
    redemptions.cancel(redemption=act(redemptions.hold, points=4, key="R-2"), at=timezone.now(), reason="no")


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ({}, ["redemption", "redemption", "admin_adjustment", "tier_bonus", "earn"]),
        ({"includeLedger": "false"}, ["redemption", "redemption"]),
        ({"includeRedemptions": "false"}, ["admin_adjustment", "tier_bonus", "earn"]),
        ({"includeLedger": "false", "includeRedemptions": "false"}, []),
        ({"ledgerTypes": ["earn", "adjustment"]}, ["redemption", "redemption", "admin_adjustment", "earn"]),
        ({"redemptionStatuses": ["cancelled"], "includeLedger": "false"}, ["redemption"]),
        ({"redemptionStatuses": ["failed"]}, ["admin_adjustment", "tier_bonus", "earn"]),
        ({"checkoutOrderId": "order-9"}, ["tier_bonus"]),
        ({"referralStatuses": ["sent"], "nudgeStatuses": ["active"], "includeLedger": "false"}, ["redemption"] * 2),
    ],
)
def test_filters_narrow_what_they_are_about(me, week, query, kinds):
    entries = me.get("timeline", **query).json()["entries"]

    assert [entry.get("ledger", {}).get("entryType", entry["kind"]) for entry in entries] == kinds


def test_every_filter_is_told_back_as_it_was_asked(me):
    asked = {
        "includeNudges": "false",
        "ledgerTypes": ["redeem", "adjustment", "redeem"],
        "redemptionStatuses": ["failed"],
        "referralStatuses": ["converted", "draft"],
        "nudgeStatuses": ["dismissed"],
        "guardrailScopes": ["global_throttle"],
        "referralCode": "RABBIT",
        "campaignSlug": "checkout_recovery",
        "checkoutOrderId": "order-9",
    }

    applied = me.get("timeline", **asked).json()["appliedFilters"]

    assert applied == FILTERS | asked | {"includeNudges": False, "ledgerTypes": ["redeem", "adjustment"]}


@pytest.mark.parametrize(
    "query",
    [
        {"ledgerTypes": "gift"},
        {"redemptionStatuses": ["requested", "open"]},
        {"referralStatuses": "x"},
        {"nudgeStatuses": "x"},
        {"guardrailScopes": "x"},
        {"includeLedger": "maybe"},
        {"limit": 51},
        {"limit": 0},
        {"colour": "red"},
        {"referralCode": "x" * 65},
        {"checkoutOrderId": "\x00"},
    ],
)
def test_an_unknown_value_is_malformed(me, query):
    assert me.get("timeline", **query).status_code == 400


# --- Cursors --------------------------------------------------------------------------------------------------
def test_the_cursor_says_how_far_each_source_was_read(me, week):
    page = me.get("timeline", limit=2).json()

    last = page["entries"][-1]["occurredAt"]
    assert page["cursor"] == {
        "ledger": last,
        "redemptions": last,
        "referrals": last,
        "nudges": last,
        "guardrails": last,
    }


def test_a_cursor_is_of_one_member_with_one_filter(me, week, alice, cafe):
    token = me.get("timeline", limit=2).json()["cursorToken"]

    for client, query in [
        (me, {"cursor": token, "includeNudges": "false"}),
        (me, {"cursor": token[:-3]}),
        (me, {"cursor": "x"}),
        (signed_in(cafe, alice.customer.user_id), {"cursor": token}),
    ]:
        problem(client.get("timeline", **query), 400, "invalid_cursor")
    problem(operator_of(cafe).get("timeline"), 403, "wrong_scope")


def test_a_page_is_few_statements(me, week):
    with CaptureQueriesContext(connection) as queries:
        me.get("timeline")

    assert len([each for each in queries if not each["sql"].startswith(("SAVEPOINT", "RELEASE"))]) == 4


def test_a_page_reads_as_few_blocks_at_the_end_as_at_the_beginning(ana):
    now = timezone.now()
    for batch in range(3):
        post(
            [
                Posting(
                    member=ana,
                    type=EntryType.EARN,
                    points=1,
                    key=f"earn:{batch}-{n}",
                    fingerprint=b"x" * 16,
                    occurred_at=now - timedelta(minutes=n),
                )
                for n in range(2_000)
            ],
            at=now,
        )
    flags = {f"include_{part}": part == "ledger" for part in timeline.PARTS}
    filters = flags | {"ledger_types": None, "checkout_order_id": None}

    def blocks(minutes):
        positions = {"ledger": ((now - timedelta(minutes=minutes)).isoformat(), "3")}
        query, facts = timeline.query(ana, [sources.LEDGER], filters=filters, positions=positions, limit=21)
        with connection.cursor() as cursor:
            ledger_window.pin(cursor)
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query, facts)
            [[told]] = cursor.fetchall()
        plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]

    assert max(blocks(5), blocks(1_900)) <= 40
