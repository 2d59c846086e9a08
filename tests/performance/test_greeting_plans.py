"""Whom to greet is looked for along one program's members, each probed by key."""

from copy import copy
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.db import transaction

from loyalty.operations import walking
from notifications import greetings
from notifications.models import GreetingSettings
from tests.bench import people
from tests.cast import NOON, make_merchant
from tests.performance.crowds import load
from tests.performance.plans import looked_at, plan_of, read_through

MEMBERS = 50_000

pytestmark = pytest.mark.long

# Born on each day of the year alike; half agreed to marketing messages, and one in ten chose something.
_PEOPLE = """
UPDATE customers SET birth_date = date '1990-01-01' + (hashtext(id::text) & 1023) % 365,
       marketing_consent = hashtext(id::text) % 2 = 0, email = id || '@example.com';
INSERT INTO message_preferences (id, merchant_id, customer_id, email, sms, push, updated_at)
SELECT gen_random_uuid(), merchant_id, id, true, true, true, now() FROM customers WHERE hashtext(id::text) % 10 = 0;
"""


@pytest.fixture(scope="module")
def made(make_modules_crowd, modules_database):
    """Two programs of fifty thousand members each, who all were there 59 days ago."""
    seen = people.Crowd(members=MEMBERS, active_at=NOON - timedelta(days=59), points=10)
    other = make_merchant("other")
    with psycopg.connect(modules_database.owner_url, autocommit=True) as owner:
        load(owner, other, 2, seen)
        program = make_modules_crowd(seen)
        owner.execute(_PEOPLE)
        owner.execute("VACUUM ANALYZE")
    return program


@pytest.fixture
def crowd(made, undone):
    return copy(made)


@pytest.mark.parametrize("condition", [greetings.BORN, greetings.ABSENT])
@pytest.mark.parametrize("after", [UUID(int=0), people.member_id(1, MEMBERS // 2)])
def test_the_walk_goes_along_one_programs_members_and_probes_the_rest_by_key(crowd, noon, condition, after):
    settings = GreetingSettings(merchant=crowd.merchant, absent_days=58)
    asked = greetings.Scene(crowd, settings, noon).parameters | {"after": after, "chunk": 500}
    with transaction.atomic():
        nodes = plan_of(walking.next_chunk_query(condition), asked, walking.pin_the_walk)

    assert read_through(nodes) == set()
    assert "members_of_a_program" in {node.get("Index Name") for node in nodes}
    members = looked_at(nodes, "loyalty_members")
    assert members <= MEMBERS
    for table in ("customers", "message_preferences", "loyalty_ledger_entries"):
        # Of those thrown away EXPLAIN gives a rounded mean.
        assert looked_at(nodes, table) <= 2 * members
