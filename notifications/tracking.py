"""What providers report of sent mail: delivered, opened, clicked, bounced, complained.

django-anymail turns each provider's webhook into one signal, after checking who calls; this is where it arrives. A
report may come twice, late, and in any order: a status only ever moves on.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from anymail.signals import EventType, RejectReason, tracking
from django.db import transaction
from django.utils import timezone

from notifications.models import Delivery, Message, Suppression
from notifications.sending.reading import plain

# In the order in which they may follow each other.
_ORDER = [
    Delivery.Status.DEFERRED,
    Delivery.Status.QUEUED,
    Delivery.Status.SENT,
    Delivery.Status.DELIVERED,
    Delivery.Status.OPENED,
    Delivery.Status.CLICKED,
    Delivery.Status.FAILED,
    Delivery.Status.BOUNCED,
    Delivery.Status.COMPLAINED,
]
_STATUSES = {
    EventType.QUEUED: Delivery.Status.QUEUED,
    EventType.SENT: Delivery.Status.SENT,
    EventType.DELIVERED: Delivery.Status.DELIVERED,
    EventType.OPENED: Delivery.Status.OPENED,
    EventType.CLICKED: Delivery.Status.CLICKED,
    EventType.FAILED: Delivery.Status.FAILED,
    EventType.REJECTED: Delivery.Status.FAILED,
    EventType.BOUNCED: Delivery.Status.BOUNCED,
    EventType.COMPLAINED: Delivery.Status.COMPLAINED,
}
_TIMES = {
    Delivery.Status.DELIVERED: "delivered_at",
    Delivery.Status.OPENED: "opened_at",
    Delivery.Status.CLICKED: "clicked_at",
    Delivery.Status.BOUNCED: "bounced_at",
    Delivery.Status.COMPLAINED: "complained_at",
}
_LOST = {Delivery.Status.BOUNCED, Delivery.Status.FAILED}


def connect() -> None:
    """Hear of anymail's signal."""
    tracking.connect(_heard, dispatch_uid="notifications.tracking")


def _heard(sender: Any, event: Any, esp_name: str, **_: Any) -> None:
    now = timezone.now()
    at = event.timestamp or now
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    status = _STATUSES.get(event.event_type)
    if status is None:
        return
    said = str(event.mta_response or event.description or event.reject_reason or "")[:1000]
    note(
        delivery_id=(event.metadata or {}).get("delivery_id"),
        provider_id=event.message_id or "",
        status=status,
        # A provider's clock that runs ahead tells of no future.
        at=min(at, now),
        said=said,
        is_hard=_is_hard(event),
    )


def _is_hard(event: Any) -> bool:
    """Whether the address itself is to blame; a provider that does not say so gets the benefit of the doubt."""
    if event.event_type == EventType.COMPLAINED:
        return True
    return event.event_type in (EventType.BOUNCED, EventType.REJECTED) and event.reject_reason in (
        RejectReason.BOUNCED,
        RejectReason.INVALID,
        RejectReason.SPAM,
    )


@transaction.atomic(savepoint=False)
def note(
    *, delivery_id: str | None, provider_id: str, status: Delivery.Status, at: datetime, said: str = "", is_hard: bool
) -> bool:
    """Bring the delivery up to date. A hard bounce or a complaint suppresses the address at that merchant.

    False where there is no such delivery: of another installation with the same provider, or purged.
    """
    delivery = _find(delivery_id, provider_id)
    if delivery is None:
        return False
    changed: dict[str, Any] = {}
    if (column := _TIMES.get(status)) is not None and getattr(delivery, column) is None:
        changed[column] = at
    if _ORDER.index(status) > _rank(delivery):
        changed["status"] = status
    if status in _LOST and said:
        changed["error"] = said
    if changed:
        Delivery.objects.filter(pk=delivery.pk).update(**changed)
    if status in _LOST and "status" in changed:
        # It counts as failed in the figures of today: what was handed over did not arrive.
        Message.objects.filter(pk=delivery.message_id, status=Message.Status.SENT).update(
            status=Message.Status.FAILED, error=said, finished_at=at
        )
    if is_hard and delivery.recipient:
        _suppress(delivery, status, at, said)
    return True


def _find(delivery_id: str | None, provider_id: str) -> Delivery | None:
    """By our own id where the provider hands it back, else by the provider's; locked."""
    rows = Delivery.objects.select_for_update(no_key=True)
    try:
        named = UUID(str(delivery_id)) if delivery_id else None
    except ValueError:
        named = None
    if named is not None:
        return rows.filter(pk=named).first()
    return rows.filter(provider_id=provider_id).order_by("-id").first() if provider_id else None


def _rank(delivery: Delivery) -> int:
    status = Delivery.Status(delivery.status)
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)


def _suppress(delivery: Delivery, status: Delivery.Status, at: datetime, said: str) -> None:
    reason = Suppression.Reason.BOUNCED
    if status == Delivery.Status.COMPLAINED:
        reason = Suppression.Reason.COMPLAINED
    Suppression.objects.bulk_create(
        [
            Suppression(
                merchant_id=delivery.merchant_id,
                channel=delivery.channel,
                address=plain(delivery.channel, delivery.recipient),
                reason=reason,
                detail=said,
                created_at=at,
            )
        ],
        ignore_conflicts=True,
    )
