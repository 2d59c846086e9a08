"""Bodies of nonsense: 4xx with a code and the field, and never a failure of ours."""

import pytest

pytestmark = pytest.mark.long

NUMBERS = [
    None,
    "",
    " ",
    "x",
    True,
    [],
    {},
    -1,
    "-0.01",
    "1e400",
    1e308,
    "NaN",
    "Infinity",
    "0.001",
    1.005,
    10**30,
    "9" * 2000,
    "10000000000",
    "\u0661\u0662\u066b\u0663",
    "1,5",
    "0x10",
]
TEXTS = [
    None,
    "",
    "   ",
    1,
    True,
    [],
    {},
    "x" * 65,
    "a\u0001b",
    "a\u007fb",
    "line\nline",
    "a\u2028b",
    "\u202etxet",
    "a\u2066b",
]
MOMENTS = [
    "",
    "yesterday",
    0,
    1e9,
    [],
    "2026-02-30T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-03-02T12:00:00",
    "2026-03-02",
    "2026-03-02T12:00:00+99:00",
    "x" * 5000,
]
COUNTS = ["1", 1.0, 1.5, 0, -1, 101, 10**40, True, None, [], {}]


def refused(response, field):
    assert 400 <= response.status_code < 500, response.content
    body = response.json()
    assert body["code"]
    assert body["errors"][0]["attr"] is not None
    assert body["errors"][0]["attr"].split(".")[0] == field, body


@pytest.mark.parametrize("amount", NUMBERS, ids=lambda value: repr(value)[:20])
def test_amounts(till, card, amount):
    refused(till.post(f"{card}/points", {"amount": amount, "orderReference": "W-1"}), "amount")
    refused(till.post(f"{card}/points/preview", {"amount": amount}), "amount")
    refused(till.post(f"{card}/refunds", {"amount": amount, "refundReference": "B-1"}), "amount")


@pytest.mark.parametrize("raw", ["1e400", "-1", "1.001", "1E+999999999", "0.0000001", "1e-400"])
def test_amounts_as_numbers(till, card, raw):
    refused(till.send(f"{card}/points", f'{{"amount": {raw}, "orderReference": "W-1"}}'), "amount")


@pytest.mark.parametrize("text", TEXTS, ids=lambda value: repr(value)[:20])
def test_references(till, card, text):
    refused(till.post(f"{card}/points", {"amount": "1", "orderReference": text}), "orderReference")
    refused(till.post(f"{card}/refunds", {"amount": "1", "refundReference": text}), "refundReference")


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda value: repr(value)[:25])
def test_times(till, card, moment):
    refused(till.post(f"{card}/points", {"amount": "1", "orderReference": "W", "occurredAt": moment}), "occurredAt")
    refused(till.post(f"{card}/stamps", {"occurredAt": moment}), "occurredAt")


@pytest.mark.parametrize("count", COUNTS, ids=lambda value: repr(value)[:20])
def test_counts(till, card, count):
    refused(till.post(f"{card}/stamps", {"count": count}), "count")


@pytest.mark.parametrize("points", [*COUNTS[:5], 10**13, True, None], ids=lambda value: repr(value)[:20])
def test_points(till, card, points):
    refused(till.post(f"{card}/points/redeem", {"points": points, "orderReference": "R"}), "points")


@pytest.mark.parametrize("items", [{}, "x", [1], [[]], [{}] * 201, [{"x": "y" * 17_000}]], ids=lambda v: repr(v)[:12])
def test_items(till, card, items):
    refused(till.post(f"{card}/points", {"amount": "1", "orderReference": "W", "items": items}), "items")


def test_right_to_left_letters_are_letters(till):
    response = till.post("cards", {"externalRef": "x", "firstName": "\u05e9\u05e8\u05d4", "lastName": "\u0627\u0644"})

    assert response.status_code == 201
    assert response.json()["firstName"] == "\u05e9\u05e8\u05d4"


@pytest.mark.parametrize("number", ["%00", "%0A", "x" * 300, "%F0%9F%98%80", "..", "%FF", "'; --"])
def test_card_numbers_that_are_none(till, number):
    response = till.client.get(f"/api/v1/store/loyalty/cards/{number}")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize("entry", ["x", "0", "00000000-0000-0000-0000-000000000000", "%00"])
def test_entries_that_are_none(till, entry):
    assert till.post(f"transactions/{entry}/void", {"reason": "x"}).status_code == 404
