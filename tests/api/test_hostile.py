"""What a hostile or careless caller sends to the store and admin doors, beyond what the schema's own tests try."""

import pytest

from tests.api.staff.conftest import staff_of
from tests.tills import problem


@pytest.fixture
def owner(cafe):
    return staff_of(cafe, "owner")


@pytest.mark.parametrize("names", [("externalRef", "external_ref"), ("external_ref", "externalRef")])
def test_a_name_given_both_ways_is_refused(till, program, names):
    first, second = names

    response = till.send("cards", f'{{"{first}": "a", "{second}": "b"}}')

    problem(response, 400, "unknown_field")


def test_an_empty_operation_does_not_keep_the_others_of_a_batch_back(till, program):
    operations = [None, 1, "x", [], {}, {"clientId": "1", "op": "enroll", "externalRef": "ana"}]

    response = till.post("batch", {"operations": operations})

    assert [one["status"] for one in response.json()["results"]] == [400, 400, 400, 400, 400, 201]


def test_the_refusal_of_a_scope_names_it_as_keys_do(till):
    body = problem(till.post("member-tokens", {"cardNumber": "1"}), 403, "wrong_scope")

    assert "'member_tokens'" in body["detail"]


@pytest.mark.parametrize("locale", ["<b>", "EN", "e", "de_DE", 5])
def test_a_programs_language_is_one(owner, program, locale):
    changed = owner.patch(f"programs/{program.pk}", {"locale": locale})

    assert (changed.status_code, changed.json()["errors"][0]["attr"]) == (400, "locale")


def test_an_id_is_a_text(owner, program, alice):
    restored = owner.post(f"cards/{alice.pk}/restore-points", {"points": 1, "reason": "x", "entryId": 5})
    made = owner.post("tiers", {"programId": 5, "slug": "x", "name": "x", "pointThreshold": 1})

    assert [(each.status_code, each.json()["errors"][0]["attr"]) for each in (restored, made)] == [
        (400, "entryId"),
        (400, "programId"),
    ]
