"""Pages of a card's entries."""

import pytest

from tests.tills import problem


@pytest.fixture
def history(till, card, earn):
    for number in range(7):
        earn(order=f"W-{number}")
    till.post(f"{card}/stamps", {})
    return f"{card}/transactions"


def test_pages_show_every_entry_once_newest_first_also_while_new_ones_arrive(till, history, earn):
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = till.get(history, query).json()
        seen += [entry["number"] for entry in page["transactions"]]
        cursor, pages = page["nextCursor"], pages + 1
        earn(order=f"later-{pages}")

    assert seen == [8, 7, 6, 5, 4, 3, 2, 1]
    assert pages == 3


def test_a_filter_may_be_repeated_and_an_unknown_value_is_refused(till, history):
    both = till.get(f"{history}?types=earn&types=stamp_earned").json()["transactions"]
    stamps = till.get(f"{history}?types=stamp_earned").json()["transactions"]

    assert (len(both), [entry["entryType"] for entry in stamps]) == (8, ["stamp_earned"])
    problem(till.get(f"{history}?types=dance"), 400, "invalid_choice")
    problem(till.get(f"{history}?colour=red"), 400, "unknown_field")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "9" * 30])
def test_a_limit_is_from_1_to_100(till, history, limit):
    response = till.get(history, {"limit": limit})

    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == "limit"


def test_a_cursor_is_good_for_its_own_list_alone(till, history, program):
    cursor = till.get(history, {"limit": 3}).json()["nextCursor"]
    other = till.post("cards", {"externalRef": "ben"}).json()["cardNumber"]

    assert till.get(history, {"cursor": cursor}).status_code == 200
    problem(till.get(f"cards/{other}/transactions", {"cursor": cursor}), 400, "invalid_cursor")
    problem(till.get(history, {"types": "earn", "cursor": cursor}), 400, "invalid_cursor")
    for forged in (cursor[:-1], cursor + "A", "x", "", "W10", "é", "[" * 900):
        assert till.get(history, {"cursor": forged}).status_code == 400
