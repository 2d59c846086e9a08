"""What providers report of sent mail: delivered, opened, clicked, bounced, complained.

django-anymail turns each provider's webhook into one signal, after checking who calls; this is where it arrives. A
report may come twice, late, and in any order: a status only ever moves on.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from anymail.signals import EventType, RejectReason, tracking
from django.db import transaction
from django.utils import timezone

from notifications.channels.email import without_addresses
from notifications.models import Delivery, EarlyReport, Message, Suppression
from notifications.sending.claims import LEASE
from notifications.sending.reading import plain
from notifications.sending.recording import storable

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


def note(
    *, delivery_id: str | None, provider_id: str, status: Delivery.Status, at: datetime, said: str = "", is_hard: bool
) -> bool:
    """Bring the delivery up to date. A hard bounce or a complaint suppresses the address at that merchant.

    A report that comes before the sender has written the delivery down, as it does after each batch, is kept until
    then. False where there is no such delivery (yet): of another installation with the same provider, or purged.
    """
    key = storable(str(_uuid(delivery_id) or provider_id), 255)
    report = EarlyReport(
        key=key, status=status, at=at, said=storable(said, 1000), is_hard=is_hard, created_at=timezone.now()
    )
    with transaction.atomic(savepoint=False):
        if key and _bring(report):
            return True
    if not key or not _is_fresh(key, report):
        return False
    report.said = without_addresses(report.said)[:300]
    report.save(force_insert=True)
    # The sender may have written it down between the look and the insert. It looks for reports after its commit, and
    # we for the delivery after ours: one of the two sees the other.
    return settle([key]) > 0


def settle(keys: Iterable[str]) -> int:
    """Bring deliveries up to date that were reported early; return how many reports there were.

    `keys`: their own ids and the provider's.
    """
    settled = 0
    with transaction.atomic(savepoint=False):
        for report in EarlyReport.objects.select_for_update().filter(key__in=list(keys)).order_by("id"):
            if _bring(report):
                report.delete()
                settled += 1
    return settled


def purge(*, at: datetime) -> None:
    """Throw reports away that turned out to be of nothing here."""
    EarlyReport.objects.filter(created_at__lt=at - timedelta(days=1)).delete()


def _is_fresh(key: str, report: EarlyReport) -> bool:
    """Whether its delivery may still be in a sender's hands. Our own ids tell when they were made (RFC 9562, 5.7)."""
    own = _uuid(key)
    if own is None or own.version != 7:
        return report.created_at - report.at < LEASE
    made_at = datetime.fromtimestamp((own.int >> 80) / 1000, UTC)
    return abs(report.created_at - made_at) < LEASE


def _bring(report: EarlyReport) -> bool:
    delivery = _find(report.key)
    if delivery is None:
        return False
    status, at, said = Delivery.Status(report.status), report.at, report.said
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
    if report.is_hard and delivery.recipient:
        _suppress(delivery, status, at, said)
    return True


def _find(key: str) -> Delivery | None:
    """By our own id where the provider hands it back, else by the provider's; locked."""
    rows = Delivery.objects.select_for_update(no_key=True)
    named = _uuid(key)
    found = rows.filter(pk=named).first() if named is not None else None
    # Some providers' ids look like ours.
    return found or rows.filter(provider_id=key).order_by("-id").first()


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(str(text)) if text else None
    except ValueError:
        return None


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
