"""Cards at the admin door: finding them, reading them, page by page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import make_member


def test_staff_find_a_card_by_name_mail_phone_and_number(cashier, program, alice):
    alice.customer.last_name, alice.customer.phone_number = "Weber", "+352621123456"
    alice.customer.save()
    make_member(program, "bob")

    for text in ("Alice", "alice web", "ALICE@example", "621 123 456", alice.card_number, alice.card_number[:8]):
        found = cashier.get("cards", search=text).json()["cards"]
        assert [card["id"] for card in found] == [str(alice.pk)], text
    assert cashier.get("cards", search="nobody").json() == {"cards": [], "nextCursor": None}


def test_a_card_says_who_and_how_much(cashier, alice, buy):
    buy()

    card = cashier.get(f"cards/{alice.pk}").json()

    assert (card["pointsBalance"], card["availablePoints"], card["lifetimePoints"]) == (45, 45, 45)
    assert card["person"]["email"] == "alice@example.com"
    assert card["merchant"] == "cafe"
    assert card["isActive"] is True
    assert card["lastActivityAt"] == "2026-03-02T12:00:00Z"


def test_a_ledger_is_read_in_pages_that_stay_while_entries_come(cashier, alice, buy):
    for number in range(5):
        buy(order=f"W-{number}", days=number)

    first = cashier.get(f"cards/{alice.pk}/transactions", limit=2).json()
    buy(order="W-late", days=9)
    second = cashier.get(f"cards/{alice.pk}/transactions", limit=2, cursor=first["nextCursor"]).json()
    third = cashier.get(f"cards/{alice.pk}/transactions", limit=2, cursor=second["nextCursor"]).json()

    numbers = [entry["number"] for page in (first, second, third) for entry in page["entries"]]
    assert numbers == [5, 4, 3, 2, 1]
    assert third["nextCursor"] is None


def test_a_ledger_is_filtered_by_type(cashier, manager, alice, buy):
    buy()
    manager.post(f"cards/{alice.pk}/adjust-points", {"points": 5, "reason": "Lost a stamp"})

    both = cashier.client.get(
        f"/api/v1/admin/loyalty/cards/{alice.pk}/transactions?types=earn&types=admin_adjustment"
    ).json()
    one = cashier.get(f"cards/{alice.pk}/transactions", types="admin_adjustment").json()

    assert [entry["entryType"] for entry in both["entries"]] == ["admin_adjustment", "earn"]
    assert [entry["entryType"] for entry in one["entries"]] == ["admin_adjustment"]
    assert one["entries"][0]["actorId"] == str(manager.user.pk)
    assert cashier.get(f"cards/{alice.pk}/transactions", types="gift").status_code == 400


@pytest.mark.parametrize(
    "spoil", [lambda text: text[:-2], lambda text: "x" + text[1:], lambda text: "!", lambda _: "=="]
)
def test_a_cursor_that_is_none_of_ours_is_refused(cashier, program, alice, spoil):
    make_member(program, "bob")
    cursor = cashier.get("cards", limit=1).json()["nextCursor"]

    answer = cashier.get("cards", limit=1, cursor=spoil(cursor))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_a_cursor_leads_on_in_its_own_list_alone(cashier, program, alice, buy):
    bob = make_member(program, "bob")
    buy(order="W-1"), buy(order="W-2"), buy(order="B-1", member=bob), buy(order="B-2", member=bob)
    cursor = cashier.get(f"cards/{alice.pk}/transactions", limit=1).json()["nextCursor"]

    elsewhere = cashier.get(f"cards/{bob.pk}/transactions", limit=1, cursor=cursor)
    filtered = cashier.get(f"cards/{alice.pk}/transactions", limit=1, cursor=cursor, types="earn")
    of_cards = cashier.get("cards", cursor=cursor)

    assert {answer.json()["code"] for answer in (elsewhere, filtered, of_cards)} == {"invalid_cursor"}


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"sort": "name"}])
def test_a_list_takes_no_other_query(cashier, query):
    answer = cashier.get("cards", **query)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == next(iter(query))


def test_a_page_costs_as_many_queries_however_many_rows_it_has(cashier, program, alice):
    for number in range(9):
        make_member(program, f"guest{number}")
    cashier.get("cards")

    with CaptureQueriesContext(connection) as one:
        cashier.get("cards", limit=1)
    with CaptureQueriesContext(connection) as ten:
        page = cashier.get("cards", limit=10)

    assert len(page.json()["cards"]) == 10
    assert len(ten) == len(one) <= 6


def test_what_is_stored_of_a_person_is_handed_out_to_managers_alone(cashier, manager, alice, buy):
    buy()

    export = manager.get(f"cards/{alice.pk}/export")

    assert export.status_code == 200
    tables = export.json()["tables"]
    assert tables["customers"][0]["email"] == "alice@example.com"
    assert tables["loyaltyMembers"][0]["cardNumber"] == alice.card_number
    assert tables["loyaltyLedgerEntries"][0]["pointsDelta"] == 45
    assert cashier.get(f"cards/{alice.pk}/export").status_code == 403


def test_a_card_of_long_ago_pages_on_by_age(cashier, program, alice):
    others = [make_member(program, f"guest{number}") for number in range(3)]

    seen, cursor = [], None
    while True:
        page = cashier.get("cards", limit=1, **({"cursor": cursor} if cursor else {})).json()
        seen += [card["id"] for card in page["cards"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break

    assert seen == [str(member.pk) for member in reversed([alice, *others])]
