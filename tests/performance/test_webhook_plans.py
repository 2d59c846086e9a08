"""What the sender of webhooks reads, with a month of deliveries behind it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.webhooks import claims, endpoints
from tests.cast import make_merchant
from tests.performance.plans import looked_at, plan_of, read_through

DELIVERIES = "webhook_deliveries"
_MONTH = """
INSERT INTO webhook_deliveries (id, merchant_id, endpoint_id, event_id, kind, body, status, next_attempt_at, created_at)
SELECT gen_random_uuid(), e.merchant_id, e.id, gen_random_uuid(), 'loyalty.points_earned', '{}',
    CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'delivered' END, CASE WHEN n % 1000 = 0 THEN now() END, now()
FROM generate_series(1, 2000) AS n CROSS JOIN webhook_endpoints AS e
"""


@pytest.fixture
def a_month(own_database, owner_connection, settings):
    merchant = make_merchant("cafe").merchant
    for number in range(30):
        endpoints.create(merchant=merchant, label=str(number), url="https://shop.example/", at=timezone.now())
    owner_connection.execute(_MONTH)
    owner_connection.execute("VACUUM ANALYZE webhook_deliveries, webhook_endpoints")
    return merchant


def test_a_claim_reads_what_is_due_and_nothing_of_the_past(a_month):
    parameters = {
        "failing": False, "busy": [], "places": 24, "each": 8, "at": timezone.now() + timedelta(minutes=1),
        "lease": claims.LEASE,
    }  # fmt: skip

    plan = plan_of(claims._CLAIM, parameters, lambda cursor: None)

    assert DELIVERIES not in read_through(plan)
    assert looked_at(plan, DELIVERIES) < 400


def test_looking_whether_anything_is_due_reads_one_row_an_endpoint(a_month):
    plan = plan_of(claims._IS_DUE, [timezone.now() + timedelta(minutes=1)], lambda cursor: None)

    assert DELIVERIES not in read_through(plan)
    assert looked_at(plan, DELIVERIES) <= 30


def test_the_newest_of_the_log_are_read_and_no_more(a_month):
    newest = "SELECT * FROM webhook_deliveries WHERE merchant_id = %s ORDER BY id DESC LIMIT 50"

    plan = plan_of(newest, [a_month.pk], lambda cursor: None)

    assert DELIVERIES not in read_through(plan)
    assert looked_at(plan, DELIVERIES) <= 50
