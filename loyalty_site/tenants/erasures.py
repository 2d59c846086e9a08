"""Asking to be forgotten. Staff do it, after a look at what is still open; the request says by when."""

from datetime import datetime
from typing import Any

import structlog
from django.db import connection

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Customer, ErasureRequest
from loyalty_site.tenants.models.erasures import TIME_TO_ANSWER

log = structlog.get_logger("loyalty_site.privacy")

# One statement: the request is made, or the one that is open is found.
_ASK = """
WITH asked AS (
    INSERT INTO erasure_requests (id, merchant_id, customer_id, requested_at, due_at)
    VALUES (%(id)s, %(merchant)s, %(customer)s, %(at)s, %(due)s)
    ON CONFLICT (customer_id) WHERE done_at IS NULL DO NOTHING
    RETURNING id, requested_at, due_at
)
SELECT id, requested_at, due_at, true FROM asked
UNION ALL
SELECT id, requested_at, due_at, false FROM erasure_requests
 WHERE customer_id = %(customer)s AND done_at IS NULL
"""


def ask(*, customer: Customer, at: datetime) -> ErasureRequest:
    """Note the customer's request to be forgotten; one that is open already is returned, `replayed`.

    The caller holds a lock that lets one request of the customer through at a time.
    """
    facts: dict[str, Any] = {
        "id": new_id(),
        "merchant": customer.merchant_id,
        "customer": customer.pk,
        "at": at,
        "due": at + TIME_TO_ANSWER,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ASK, facts)
        pk, requested_at, due_at, is_new = cursor.fetchone()
    request = ErasureRequest(
        id=pk, merchant_id=customer.merchant_id, customer=customer, requested_at=requested_at, due_at=due_at
    )
    request._state.adding, request.replayed = False, not is_new
    if is_new:
        log.info("erasure_requested", customer=str(customer.pk), merchant=str(customer.merchant_id))
    return request
