"""An event becomes a delivery for each endpoint that wants it."""

from typing import Any
from uuid import UUID

from django.db import connection

from loyalty_site import outbox
from loyalty_site.ids import new_id
from loyalty_site.outbox import PublishedEvent
from loyalty_site.outbox.events import as_json
from notifications.models import WebhookEndpoint
from notifications.webhooks import payloads, waking

# Hearing of an event again writes nothing again. An endpoint deleted meanwhile has no rows.
_INSERT = """
INSERT INTO webhook_deliveries
    (id, merchant_id, endpoint_id, event_id, kind, member_id, body, status, next_attempt_at, created_at)
SELECT row.id, endpoint.merchant_id, endpoint.id, row.event_id, row.kind, row.member_id, row.body,
    'pending', statement_timestamp(), statement_timestamp()
FROM jsonb_to_recordset(%s::jsonb)
    AS row (id uuid, endpoint_id uuid, event_id uuid, kind text, member_id uuid, body text)
JOIN webhook_endpoints AS endpoint ON endpoint.id = row.endpoint_id
ON CONFLICT (endpoint_id, event_id, replay) DO NOTHING
"""


def subscribe() -> None:
    """Hear of every event of every app; called when all apps are there."""
    payloads.find_events()
    outbox.subscribe(*payloads.events())(write_deliveries)


def write_deliveries(events: list[PublishedEvent]) -> None:
    """One row an event and endpoint; news of the past (an import, a replay) is told to nobody."""
    fresh = [event for event in events if event.merchant_id is not None and not event.backfill]
    if not fresh:
        return
    endpoints = _listening({event.merchant_id for event in fresh if event.merchant_id})
    rows = [
        _row(event, endpoint_id)
        for event in fresh
        for merchant_id, endpoint_id, kinds in endpoints
        if merchant_id == event.merchant_id and (not kinds or event.kind in kinds)
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [as_json(rows)])
        waking.ring_after_commit()


def _listening(merchants: set[UUID]) -> list[tuple[UUID, UUID, list[str]]]:
    active = WebhookEndpoint.objects.filter(merchant__in=merchants, is_active=True)
    return list(active.values_list("merchant_id", "pk", "kinds"))


def _row(event: PublishedEvent, endpoint_id: UUID) -> dict[str, Any]:
    return {
        "id": new_id(),
        "endpoint_id": endpoint_id,
        "event_id": event.id,
        "kind": event.kind,
        "member_id": event.facts.get("member_id"),
        "body": payloads.body(event.kind, event.facts),
    }
