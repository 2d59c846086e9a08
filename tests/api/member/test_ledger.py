"""The member's ledger: every entry, newest first, page by page."""

import base64
import json
from decimal import Decimal
from itertools import pairwise, product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.ledger import Posting, post
from loyalty.models import EntryType, LedgerEntry
from loyalty.operations import points, refunds, stamps
from loyalty.queries import ledger_window
from loyalty_site.ids import new_id
from tests.callers import operator_of, signed_in
from tests.tills import problem


@pytest.fixture
def earn_now(act, counter):
    """Ana earns ten points an order: earn_now("W-1")."""
    return lambda order: act(points.earn, store=counter, amount=Decimal(1), order_reference=order)


def walk(me, limit, *, enough=10**6, meanwhile=lambda: None, **query):
    """The ledger's entries, page by page, until there are no more or enough; something happens between two pages."""
    found, cursor = [], None
    while len(found) < enough:
        page = me.get("ledger", limit=limit, **query, **({"cursor": cursor} if cursor else {})).json()
        assert len(page["entries"]) <= limit
        found += page["entries"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
        assert len(page["entries"]) == limit
        meanwhile()
    return found


def test_an_entry_has_these_fields_and_no_others(me, ana, earn_now):
    entry = earn_now("W-1")

    [line] = me.get("ledger").json()["entries"]

    assert line == {
        "id": str(entry.pk),
        "occurredAt": line["occurredAt"],
        "entryType": "earn",
        "amount": 10,
        "description": "",
        "balanceBefore": 0,
        "balanceAfter": 10,
        "balanceDelta": 10,
        "checkoutIntentId": None,
        "checkoutOrderId": None,
        "metadata": entry.metadata,
    }


def test_stamps_are_entries_of_no_points_with_their_number_in_the_metadata(me, act, counter):
    act(stamps.add, store=counter, count=3)
    act(stamps.add, store=counter, count=2)

    [line, _] = me.get("ledger").json()["entries"]

    assert (line["entryType"], line["amount"], line["balanceDelta"]) == ("stamp_earned", 0, 0)
    assert (line["metadata"]["stamps_delta"], line["metadata"]["stamps_balance_after"]) == (2, 5)


def test_an_order_that_earned_nothing_is_listed(me, act, counter):
    act(points.earn, store=counter, amount=Decimal("0.01"), order_reference="W-1")

    [line] = me.get("ledger").json()["entries"]

    assert (line["amount"], line["metadata"]["nothing_for"]) == (0, "less_than_a_point")


def test_the_checkout_stands_beside_the_entry(me, act):
    facts = {"checkout_intent_id": "intent-1", "order_id": "order-9"}
    act(points.award, type=EntryType.TIER_BONUS, points=5, key="k", metadata=facts)

    [line] = me.get("ledger").json()["entries"]

    assert (line["checkoutIntentId"], line["checkoutOrderId"]) == ("intent-1", "order-9")


def test_types_are_filtered_and_adjustment_stands_for_four(me, act, counter, earn_now, ana):
    earn_now("W-1")
    act(refunds.refund, store=counter, amount=Decimal("0.10"), refund_reference="B-1")
    act(points.adjust, points=5, reason="a gift", actor=None, key="k")
    act(stamps.add, store=counter)

    def kinds(*types):
        return [line["entryType"] for line in me.get("ledger", types=list(types)).json()["entries"]]

    assert kinds() == ["stamp_earned", "admin_adjustment", "refund", "earn"]
    assert kinds("adjustment") == ["admin_adjustment", "refund"]
    assert kinds("earn", "refund") == ["refund", "earn"]
    assert kinds("redeem") == []
    problem(me.get("ledger", types=["earn", "gift"]), 400, "invalid_choice")


@pytest.mark.parametrize("limit", [0, -1, 101, "x", "1.5", ""])
def test_a_limit_is_from_1_to_100(me, limit):
    assert me.get("ledger", limit=limit).status_code == 400


def test_whatever_the_limit_each_entry_comes_once_and_in_order_while_others_are_added(me, ana, earn_now, settings):
    settings.RATE_LIMIT_MEMBER = 10**6
    orders = iter(range(10**6))
    for _ in range(60):
        earn_now(f"W-{next(orders)}")
    for limit in range(1, 51):
        there = LedgerEntry.objects.filter(member=ana).order_by("-number").values_list("id", flat=True)[:60]
        newest = [str(pk) for pk in there]

        found = walk(me, limit, enough=60, meanwhile=lambda: earn_now(f"W-{next(orders)}"))

        assert [line["id"] for line in found][:60] == newest


def test_the_walk_ends_with_the_first_entry(me, earn_now):
    entries = [earn_now(f"W-{number}") for number in range(7)]

    assert [line["id"] for line in walk(me, 3)] == [str(entry.pk) for entry in reversed(entries)]


def test_balances_chain_from_entry_to_entry(me, act, counter, earn_now):
    for number in range(5):
        earn_now(f"W-{number}")
    act(points.adjust, points=-7, reason="a slip", actor=None, key="k")

    lines = walk(me, 2)

    assert all(newer["balanceBefore"] == older["balanceAfter"] for newer, older in pairwise(lines))
    assert (lines[-1]["balanceBefore"], lines[0]["balanceAfter"]) == (0, 43)


# --- Cursors --------------------------------------------------------------------------------------------------
@pytest.fixture
def cursor(me, earn_now):
    for number in range(3):
        earn_now(f"W-{number}")
    return me.get("ledger", limit=1).json()["nextCursor"]


def test_a_tampered_cursor_is_refused(me, cursor):
    _, signature = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    moved = base64.urlsafe_b64encode(json.dumps(["99", signature]).encode()).decode().rstrip("=")
    texts = (moved, cursor[:-2], cursor + "A", "x", "", " ", "é", "\x00", cursor[::-1], f" {cursor}", "x" * 3000)
    for text, path in product(texts, ("ledger", "redemptions", "timeline")):
        problem(me.get(path, cursor=text), 400, "invalid_cursor")


def test_a_cursor_is_of_one_list_with_one_filter(me, cursor):
    problem(me.get("ledger", cursor=cursor, types=["earn"]), 400, "invalid_cursor")
    assert me.get("ledger", cursor=cursor, limit=7).status_code == 200


def test_another_members_cursor_shows_nothing_of_theirs(cursor, alice, cafe):
    problem(signed_in(cafe, alice.customer.user_id).get("ledger", cursor=cursor), 400, "invalid_cursor")


def test_an_operator_has_no_ledger_of_their_own(cafe):
    problem(operator_of(cafe).get("ledger"), 403, "wrong_scope")


# --- Who has none yet, or a former one -------------------------------------------------------------------------
def test_whoever_is_seen_for_the_first_time_has_an_empty_ledger(cafe, program):
    assert signed_in(cafe, new_id()).get("ledger").json() == {"entries": [], "nextCursor": None}
    assert program.members.count() == 1


def test_the_ledger_of_a_former_program_can_still_be_read(me, earn_now, program):
    earn_now("W-1")
    program.is_active = False
    program.save()

    assert len(me.get("ledger").json()["entries"]) == 1


# --- What it costs --------------------------------------------------------------------------------------------
def test_a_page_is_one_statement_beside_the_count_of_calls(me, earn_now):
    for number in range(3):
        earn_now(f"W-{number}")

    with CaptureQueriesContext(connection) as queries:
        me.get("ledger")

    assert len(queries) == 2, [each["sql"][:80] for each in queries]


def test_a_page_reads_as_few_blocks_at_the_end_as_at_the_beginning(ana, counter):
    for batch in range(4):
        post(
            [
                Posting(member=ana, type=EntryType.EARN, points=1, key=f"earn:{batch}-{n}", fingerprint=b"x" * 16)
                for n in range(2_000)
            ],
            at=timezone.now(),
        )
    user_id = ana.customer.user_id

    def blocks(before, types):
        whose = ledger_window.BY_USER if types is None else ledger_window.BY_ID
        query = ledger_window.window_query(whose, filtered=types is not None)
        facts = {
            "merchant": ana.merchant_id,
            "user": user_id,
            "member": ana.pk,
            "before": before,
            "types": types,
            "limit": 26,
        }
        with connection.cursor() as cursor:
            if types is not None:
                ledger_window.pin(cursor)
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query, facts)
            [[told]] = cursor.fetchall()
        plan = json.loads(told)[0]["Plan"] if isinstance(told, str) else told[0]["Plan"]
        [page] = [part for part in plan["Plans"][0]["Plans"] if part["Parent Relationship"] == "Inner"]
        return page["Shared Hit Blocks"] + page["Shared Read Blocks"]

    for types in (None, ["earn", "refund"]):
        newest, oldest = blocks(2**31 - 1, types), blocks(50, types)

        assert max(newest, oldest) <= 30, (types, newest, oldest)
