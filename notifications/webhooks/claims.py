"""The sender's statements: which deliveries it holds, and what became of them.

A claim counts the attempt and is committed before anybody is called. Endpoints are served in turn, those waited for
longest first, and those that fail have places of their own, so that none of them keeps the others waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from loyalty_site.outbox.events import as_json
from notifications.models import WebhookEndpoint
from notifications.webhooks import schedule, telling
from notifications.webhooks.payloads import TEST_KIND
from notifications.webhooks.schedule import Attempt

# Longer than an attempt takes, or another sender makes it too: the receiver knows it by its webhook-id.
LEASE = timedelta(seconds=120)
MAX_ERROR = 500

_CLAIM = """
WITH endpoint AS (
    SELECT each.id FROM webhook_endpoints AS each
    WHERE each.is_active AND (each.failing_since IS NOT NULL) = %(failing)s AND NOT each.id = ANY(%(busy)s::uuid[])
        AND EXISTS (
            SELECT FROM webhook_deliveries AS waiting
            WHERE waiting.endpoint_id = each.id AND waiting.status = 'pending' AND waiting.next_attempt_at <= %(at)s)
    ORDER BY each.last_attempt_at NULLS FIRST LIMIT %(places)s
), chosen AS (
    SELECT due.id FROM endpoint CROSS JOIN LATERAL (
        SELECT delivery.id FROM webhook_deliveries AS delivery
        WHERE delivery.endpoint_id = endpoint.id AND delivery.status = 'pending' AND delivery.next_attempt_at <= %(at)s
        ORDER BY delivery.next_attempt_at LIMIT %(each)s
        FOR NO KEY UPDATE SKIP LOCKED) AS due
    LIMIT %(places)s
)
UPDATE webhook_deliveries AS delivery
SET attempts = delivery.attempts + 1, next_attempt_at = %(at)s + %(lease)s,
    first_attempt_at = coalesce(delivery.first_attempt_at, %(at)s)
FROM chosen, webhook_endpoints AS endpoint
WHERE delivery.id = chosen.id AND endpoint.id = delivery.endpoint_id
RETURNING delivery.id, delivery.attempts, delivery.event_id, delivery.kind, delivery.body, delivery.first_attempt_at,
    endpoint.id, endpoint.merchant_id, endpoint.url, endpoint.secret, endpoint.previous_secret,
    endpoint.previous_secret_until
"""

_IS_DUE = """
SELECT EXISTS (
    SELECT FROM webhook_endpoints AS endpoint CROSS JOIN LATERAL (
        SELECT FROM webhook_deliveries AS delivery
        WHERE delivery.endpoint_id = endpoint.id AND delivery.status = 'pending' AND delivery.next_attempt_at <= %s
        LIMIT 1) AS due
    WHERE endpoint.is_active)
"""

# The attempt's number fences: a sender whose lease ran out finds nothing to write.
_RECORD = """
UPDATE webhook_deliveries AS delivery
SET status = row.status, next_attempt_at = row.next_attempt_at, delivered_at = row.delivered_at,
    answer_status = row.answer_status, error = row.error, log = delivery.log || row.line
FROM jsonb_to_recordset(%s::jsonb) AS row (id uuid, attempt int, status text, next_attempt_at timestamptz,
    delivered_at timestamptz, answer_status int, error text, line jsonb)
WHERE delivery.id = row.id AND delivery.attempts = row.attempt AND delivery.status = 'pending'
RETURNING delivery.id
"""

_PURGE = """
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE created_at < %s ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this sender holds, for the attempt of this number. The endpoint is as it was at the claim."""

    delivery_id: UUID
    number: int
    event_id: UUID
    kind: str
    body: str
    first_attempt_at: datetime
    endpoint: WebhookEndpoint


def claim(*, failing: bool, busy: Sequence[UUID], places: int, each: int, at: datetime) -> list[Claim]:
    """Claim what is due: up to `each` of an endpoint, `places` in all, of endpoints that fail or of those that do not.

    Endpoints in `busy` are left out: this process is at them.
    """
    parameters: dict[str, Any] = {
        "failing": failing,
        "busy": list(busy),
        "places": places,
        "each": each,
        "at": at,
        "lease": LEASE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, parameters)
        return [_claim(row) for row in cursor.fetchall()]


def _claim(row: tuple[Any, ...]) -> Claim:
    names = ("id", "merchant_id", "url", "secret", "previous_secret", "previous_secret_until")
    delivery_id, number, event_id, kind, body, first_attempt_at, *endpoint = row
    kept = WebhookEndpoint(**dict(zip(names, endpoint, strict=True)))
    return Claim(delivery_id, number, event_id, kind, body, first_attempt_at, kept)


def is_due(at: datetime) -> bool:
    """Whether there is anything to claim."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_DUE, [at])
        return bool(cursor.fetchone()[0])


@transaction.atomic(durable=True)
def record(attempts: Sequence[tuple[Claim, Attempt]]) -> None:
    """Write what became of these, and what that says of their endpoints."""
    # Endpoints first and in order, so that two senders never wait for each other.
    touched = sorted({claim.endpoint.pk for claim, _ in attempts})
    list(WebhookEndpoint.objects.filter(pk__in=touched).order_by("pk").select_for_update(no_key=True).values("pk"))
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [as_json([_row(claim, attempt) for claim, attempt in attempts])])
        ours = {row[0] for row in cursor.fetchall()}
    by_endpoint: dict[UUID, list[tuple[Claim, Attempt]]] = {}
    for claim, attempt in attempts:
        if claim.delivery_id in ours:
            by_endpoint.setdefault(claim.endpoint.pk, []).append((claim, attempt))
    for endpoint_id, theirs in by_endpoint.items():
        _note(endpoint_id, theirs)


def _row(claim: Claim, attempt: Attempt) -> dict[str, object]:
    is_test = claim.kind == TEST_KIND
    again = None if attempt.is_taken or is_test else schedule.next_attempt(attempt, claim.number)
    status = "delivered" if attempt.is_taken else "pending" if again else "failed"
    error = attempt.error[:MAX_ERROR]
    return {
        "id": claim.delivery_id,
        "attempt": claim.number,
        "status": status,
        "next_attempt_at": again,
        "delivered_at": attempt.at if attempt.is_taken else None,
        "answer_status": attempt.status,
        "error": error,
        "line": {"at": attempt.at, "status": attempt.status, "error": error, "milliseconds": attempt.milliseconds},
    }


def _note(endpoint_id: UUID, attempts: Sequence[tuple[Claim, Attempt]]) -> None:
    """Say of the endpoint whether it works, and switch it off where it is over."""
    rows = WebhookEndpoint.objects.filter(pk=endpoint_id)
    latest = max(attempt.at for _, attempt in attempts)
    taken = [attempt.at for _, attempt in attempts if attempt.is_taken]
    if taken:
        rows.update(last_attempt_at=latest, last_success_at=max(taken), failing_since=None)
    else:
        rows.update(last_attempt_at=latest)
        rows.filter(failing_since=None).update(failing_since=min(attempt.at for _, attempt in attempts))
    over = [
        claim.first_attempt_at
        for claim, attempt in attempts
        if not attempt.is_taken and claim.kind != TEST_KIND and claim.number >= schedule.MAX_ATTEMPTS
    ]
    if any(attempt.is_gone for _, attempt in attempts):
        _switch_off(endpoint_id, WebhookEndpoint.Off.GONE, latest)
    # One event that the receiver cannot take does not end what works for all others.
    elif over and not rows.filter(last_success_at__gte=min(over)).exists():
        _switch_off(endpoint_id, WebhookEndpoint.Off.FAILING, latest)


def _switch_off(endpoint_id: UUID, reason: WebhookEndpoint.Off, at: datetime) -> None:
    rows = WebhookEndpoint.objects.filter(pk=endpoint_id, is_active=True)
    if rows.update(is_active=False, disabled_at=at, disabled_reason=reason):
        telling.tell_owners(WebhookEndpoint.objects.select_related("merchant").get(pk=endpoint_id), at=at)


def purge(*, created_before: datetime, chunk: int = 5000) -> int:
    """Delete deliveries made before that time, a chunk a transaction, whatever became of them. Return how many."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_PURGE, [created_before, chunk])
            total += cursor.rowcount
            if cursor.rowcount < chunk:
                return total
