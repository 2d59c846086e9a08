"""Another merchant's row is answered as no row at all: the same body, the same number of queries."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.api.store import urls
from tests.tills import problem

# A body that is right but for whose card it is about, by the name of the address.
BODIES = {
    "store-earn-points": {"amount": "1", "orderReference": "x"},
    "store-preview-points": {"amount": "1"},
    "store-redeem-points": {"points": 1, "orderReference": "x"},
    "store-refund-points": {"amount": "1", "refundReference": "x"},
    "store-add-stamps": {},
    "store-redeem-stamps": {},
    "store-void-stamps": {"entryId": str(uuid4()), "reason": "x"},
    "store-replace-card": {"reason": "x"},
    "store-deactivate-card": {},
    "store-reactivate-card": {},
    "store-void-transaction": {"reason": "x"},
    "store-card": None,
    "store-transactions": None,
}
# These name nobody in their address.
WITHOUT_ROW = {"store-cards", "store-batch", "store-program", "store-member-tokens"}


@pytest.fixture
def theirs(bookshop_till, bookworm):
    """The card number and an entry of the bookshop's."""
    purchase = {"amount": "5", "orderReference": "B-1"}
    entry = bookshop_till.post(f"cards/{bookworm.card_number}/points", purchase).json()["id"]
    return {"card_number": bookworm.card_number, "entry_id": entry}


def test_every_address_is_in_the_matrix():
    assert {pattern.name for pattern in urls.urlpatterns} == BODIES.keys() | WITHOUT_ROW


@pytest.mark.parametrize("name", BODIES)
def test_another_merchants_row_is_answered_as_none(till, theirs, name):
    [pattern] = [pattern for pattern in urls.urlpatterns if pattern.name == name]
    nobody = {"card_number": "4929853724106118", "entry_id": str(uuid4())}

    def ask(row):
        path = str(pattern.pattern)
        for field, value in row.items():
            for kind in ("str", "uuid"):
                path = path.replace(f"<{kind}:{field}>", value)
        assert "<" not in path
        with CaptureQueriesContext(connection) as queries:
            body = BODIES[name]
            response = till.get(path) if body is None else till.post(path, body)
        answer = problem(response, 404, "not_found")
        return {key: value for key, value in answer.items() if key != "requestId"}, len(queries)

    ask(nobody)
    assert ask(theirs) == ask(nobody)


def test_their_customers_are_not_found_by_what_is_known_of_them(till, bookworm):
    for query in ({"email": "bookworm@example.com"}, {"externalRef": "bookworm"}):
        problem(till.get("cards", query), 404, "not_found")


def test_the_same_person_at_two_merchants_is_two_members(till, bookworm, program):
    response = till.post("cards", {"externalRef": "bookworm", "email": "bookworm@example.com"})

    assert response.status_code == 201
    assert response.json()["cardNumber"] != bookworm.card_number


def test_a_batch_finds_none_of_their_rows(till, theirs, program):
    operations = [
        {"clientId": "1", "op": "stamp", "cardNumber": theirs["card_number"]},
        {"clientId": "2", "op": "void", "entryId": theirs["entry_id"], "reason": "x"},
    ]

    results = till.post("batch", {"operations": operations}).json()["results"]

    assert [one["problem"]["code"] for one in results] == ["not_found", "not_found"]


def test_a_key_of_a_store_does_not_open_the_other_doors(till):
    for path in ("/api/v1/admin/loyalty/cards", "/api/v1/admin/loyalty/programs"):
        assert till.client.get(path).status_code in (401, 403, 404)
