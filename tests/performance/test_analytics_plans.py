"""What analytics reads: of a small merchant beside a great one, its own entries and no more."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from loyalty.models import Program
from loyalty.operations import points
from loyalty.queries import cohorts, stats
from loyalty_site.tenants.models import Store
from referrals.queries import segments
from tests.bench import people
from tests.cast import NOON, make_member, make_merchant
from tests.performance.plans import looked_at, plan_of, read_through

pytestmark = pytest.mark.long

MEMBERS, FEW = 100_000, 20


@pytest.fixture(scope="module")
def cafe(make_modules_crowd):
    """Twenty members with a purchase each, beside a hundred thousand of another merchant."""
    program = make_merchant("cafe")
    counter = Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    for number in range(FEW):
        member = make_member(program, f"m{number}", at=NOON)
        points.earn(member=member, store=counter, amount=Decimal(5), order_reference=f"W-{number}", at=NOON)
    make_modules_crowd(people.Crowd(members=MEMBERS, active_at=NOON, points=100))
    return program.merchant


def unpinned(cursor):
    """As the planner has it."""


@transaction.atomic
def nodes_of(query, parameters):
    return plan_of(query, parameters, unpinned)


def test_the_segments_of_a_small_merchant_read_its_own_rows(cafe, noon):
    nodes = nodes_of(segments._QUERY, segments._parameters(cafe, noon + timedelta(days=1)))

    assert not read_through(nodes) & {"loyalty_ledger_entries"}
    assert looked_at(nodes, "loyalty_ledger_entries") <= 2 * FEW
    assert looked_at(nodes, "loyalty_members") <= 3 * FEW


def test_the_cohorts_of_a_small_merchant_read_its_own_rows(cafe, noon):
    parameters = {
        "merchant": cafe.pk,
        "store": None,
        "visits": ["earn", "redeem", "stamp_earned", "stamp_redeemed"],
        "at": noon + timedelta(days=1),
        "zone": "UTC",
    }

    for query, more in ((cohorts._QUERY, {}), (cohorts._CHURNED, {"since": noon})):
        nodes = nodes_of(query, parameters | more)

        assert looked_at(nodes, "loyalty_ledger_entries") <= 3 * FEW
        assert looked_at(nodes, "loyalty_members") <= 3 * FEW


def test_the_statistics_of_a_small_merchant_read_its_own_rows(cafe, noon):
    programs = list(Program.objects.filter(merchant=cafe))
    parameters = stats._parameters(programs, date(2026, 3, 1), date(2026, 3, 31)) | {"store": None}

    for query in (stats._MOVES, stats._MEMBERS):
        nodes = nodes_of(query, parameters)

        assert looked_at(nodes, "loyalty_ledger_entries") <= 10 * FEW
        assert looked_at(nodes, "loyalty_members") <= 10 * FEW
