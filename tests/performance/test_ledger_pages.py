"""A page of a ledger is a range of one index, however deep it lies."""

import json

import pytest
from django.db import transaction

from loyalty.api import shapes
from loyalty.models import LedgerEntry
from loyalty.queries import ledger_pages
from loyalty_site.http.casing import camelized
from tests.bench import people
from tests.performance.plans import looked_at, plan_of, read_through

ENTRIES = 20_000


@pytest.fixture
def long_ledger(make_crowd, noon, owner_connection):
    """A member with twenty thousand entries, among others who have one each."""
    make_crowd(people.Crowd(members=20_000, active_at=noon, points=10))
    with owner_connection.transaction():
        owner_connection.execute(
            """
            INSERT INTO loyalty_ledger_entries (id, merchant_id, member_id, number, type, points_delta,
                points_balance_after, stamps_delta, stamps_balance_after, lifetime_delta, order_reference,
                description, metadata, occurred_at, created_at)
            SELECT gen_random_uuid(), e.merchant_id, e.member_id, n, 'earn', 0, 10, 0, 0, 0, '', '', '{}',
                   now(), now()
              FROM loyalty_ledger_entries e, generate_series(2, %s) AS n WHERE e.member_id = %s""",
            [ENTRIES, people.member_id(1, 1)],
        )
    owner_connection.execute("VACUUM ANALYZE loyalty_ledger_entries")
    return people.member_id(1, 1)


@pytest.mark.long
@pytest.mark.parametrize("before", [ledger_pages.BEGINNING, ENTRIES // 2, 60])
def test_a_page_reads_its_own_entries_alone_at_any_depth(long_ledger, before):
    with transaction.atomic():
        nodes = plan_of(
            ledger_pages.STATEMENT, ledger_pages.parameters(long_ledger, before=before, limit=50), lambda cursor: None
        )

    assert {node["Node Type"] for node in nodes} == {"Limit", "Index Scan"}
    assert read_through(nodes) == set()
    assert looked_at(nodes, "loyalty_ledger_entries") <= 51


def test_a_page_shows_each_entry_as_every_other_answer_does(alice, buy):
    for number in range(4):
        buy(f"{number}.50", order=f"W-{number}", items=[{"SKU_nr": "\u2028<b>", "a_b": 1}], days=number / 7)

    page = ledger_pages.page(alice.pk, before=ledger_pages.BEGINNING, limit=3)

    rows = LedgerEntry.objects.filter(member=alice).order_by("-number")[:3]
    assert page.before == rows[2].number
    for text, row in zip(page.entries, rows, strict=True):
        shown, expected = json.loads(text), camelized(shapes.entry(row))
        # Six places of a second are written always.
        assert shown.pop("occurredAt")[:19] == expected.pop("occurredAt")[:19]
        assert shown == expected
    assert ledger_pages.page(alice.pk, before=page.before, limit=3).before is None
