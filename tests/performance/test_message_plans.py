"""What the sender's statements look at: never all messages, however many merchants wait."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection, transaction

from notifications.queries import failures
from notifications.sending import claims
from tests.databases import OwnDatabase
from tests.performance.plans import looked_at, plan_of, read_through

AT = datetime(2026, 6, 29, 12, 0, tzinfo=UTC)
TABLE = "loyalty_messages"

# One merchant's flood, a few of twenty others, and many that ended or are not due.
_LOAD = """
INSERT INTO merchants (id, slug, name, is_active, created_at)
SELECT gen_random_uuid(), 'm' || n, 'M', true, now() FROM generate_series(1, 21) AS n;
INSERT INTO loyalty_messages (id, merchant_id, code, key, kind, channels, variables, locale, recipient, status,
    attempts, next_attempt_at, error, created_at, finished_at)
SELECT gen_random_uuid(), m.id, 'loyalty_points_expired', n::text, 'transactional', '{email}', '{}', '', '',
    CASE WHEN n % 5 = 0 THEN 'sent' WHEN n % 5 = 1 THEN 'held' ELSE 'queued' END, 0,
    CASE WHEN n % 5 = 1 THEN timestamptz '2026-07-01' ELSE timestamptz '2026-06-29' END, '', now(),
    CASE WHEN n % 5 = 0 THEN timestamptz '2026-06-29 11:00+00' - n * interval '1 minute' END
FROM merchants m CROSS JOIN LATERAL generate_series(1, CASE m.slug WHEN 'm1' THEN 40000 ELSE 50 END) AS n;
"""


def _fill(database: OwnDatabase) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute(_LOAD)
        owner.execute("VACUUM ANALYZE")


@pytest.fixture(scope="module")
def own_template(filled):
    return filled(_fill)


@pytest.fixture
def crowd(own_database):
    pass


def explained(query, parameters):
    with transaction.atomic():
        nodes = plan_of(query, parameters, lambda cursor: None)
        transaction.set_rollback(True)
    assert TABLE not in read_through(nodes)
    return looked_at(nodes, TABLE)


@pytest.mark.long
def test_the_merchants_that_wait_are_found_by_leaping(crowd):
    parameters = {"channel": "email", "at": AT, "only": None}

    assert explained(claims._MERCHANTS, parameters) <= 100
    assert len(claims.merchants_waiting(channel="email", at=AT)) == 21
    assert claims.merchants_waiting(channel="sms", at=AT) == []


@pytest.mark.long
def test_a_claim_looks_at_what_it_takes(crowd):
    merchants = claims.merchants_waiting(channel="email", at=AT)
    parameters = {
        "channel": "email", "merchants": merchants, "share": 3, "size": 50, "at": AT, "due": AT,
        "lease": timedelta(minutes=10),
    }  # fmt: skip

    # Each once where it is chosen, and once where it is changed.
    assert explained(claims._CLAIM, parameters) <= 4 * 50


@pytest.mark.long
def test_the_failures_of_a_day_are_not_looked_for_in_all_time(crowd):
    parameters = {"since": AT - timedelta(hours=24), "at": AT, "merchants": None}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM loyalty_messages WHERE finished_at >= %s", [AT - timedelta(hours=24)])
        [(of_the_day,)] = cursor.fetchall()

    nodes = plan_of(failures._QUERY, parameters, lambda cursor: None)

    assert looked_at(nodes, TABLE) <= 2 * of_the_day
    assert "Seq Scan" not in {node["Node Type"] for node in nodes}


@pytest.mark.long
def test_the_round_robin_begins_after_whom_it_served_last(crowd):
    turns = claims.RoundRobin()
    first = turns.claim(channel="email", at=AT, size=8)
    last = turns.last
    turns.claim(channel="email", at=AT, size=8)

    assert len(first) == 8
    assert turns.last > last
