"""The other form of the night: row by row through the ORM, chunk 500, one queued task a mail.

It does what the project's run does and no more: entries, lots and what was taken of each, warnings, events. It logs in
as the owner, since the runtime role may not write value this way.
"""

import time
from datetime import datetime, timedelta
from typing import Any

CHUNK = 500
MAIL = "tests.bench.rowwise.send"


def send(member_id: str) -> None:
    """The mail; only its queueing counts here."""


def night(*, slug: str, at: str) -> dict[str, Any]:
    """Expire and warn; how many members, in how many seconds."""
    from loyalty.models import Program

    program = Program.objects.get(merchant__slug=slug)
    moment, begin, done = datetime.fromisoformat(at), time.perf_counter(), 0
    for chunk in (_expire_chunk, _warn_chunk):
        while count := chunk(program, moment):
            done += count
    return {"seconds": time.perf_counter() - begin, "members": done}


def _expire_chunk(program: Any, at: datetime) -> int:
    from django.db import transaction

    from loyalty.models import LedgerEntry, LotAllocation, Member
    from loyalty_site.outbox.models import OutboxEvent

    with transaction.atomic():
        due = _due(program, at, program.inactivity_period, program.validity_period)[:CHUNK]
        members = list(due.select_for_update(skip_locked=True, of=("self",)))
        for member in members:
            taken = member.points_available
            entry = LedgerEntry.objects.create(
                merchant_id=member.merchant_id,
                member=member,
                number=member.last_number + 1,
                type="points_expired",
                points_delta=-taken,
                points_balance_after=member.points_held,
                stamps_balance_after=member.stamp_count,
                occurred_at=at,
                created_at=at,
            )
            if program.expires_by_lots:
                for lot in member.lots.filter(status="scheduled").order_by("expires_at", "number"):
                    remaining = lot.remaining
                    lot.consumed, lot.status = lot.points, "expired"
                    lot.save(update_fields=["consumed", "status"])
                    LotAllocation.objects.create(entry=entry, lot=lot, points=remaining)
            Member.objects.filter(pk=member.pk).update(points_balance=member.points_held, last_number=entry.number)
            OutboxEvent.objects.create(
                kind="loyalty.points_expired",
                merchant_id=member.merchant_id,
                facts={"member_id": str(member.pk), "entry_id": str(entry.pk), "points": -taken},
            )
            _queue(member)
        return len(members)


def _warn_chunk(program: Any, at: datetime) -> int:
    from django.db import transaction
    from django.db.models import F, Q

    from loyalty.models import Member
    from loyalty_site.outbox.models import OutboxEvent

    lead = timedelta(days=program.expiration_warning_days)
    with transaction.atomic():
        near = _due(program, at + lead, program.inactivity_period, program.validity_period)
        if program.expires_by_lots:
            near = near.filter(lots__warned_at=None)
        else:
            fresh = Q(last_expiration_warning_at=None) | Q(last_expiration_warning_at__lt=F("last_activity_at"))
            near = near.filter(fresh)
        near = near[:CHUNK]
        members = list(near.select_for_update(skip_locked=True, of=("self",)))
        for member in members:
            if program.expires_by_lots:
                for lot in member.lots.filter(status="scheduled", warned_at=None):
                    lot.warned_at = at
                    lot.save(update_fields=["warned_at"])
            else:
                Member.objects.filter(pk=member.pk).update(last_expiration_warning_at=at)
            OutboxEvent.objects.create(
                kind="loyalty.points_expiring",
                merchant_id=member.merchant_id,
                facts={"member_id": str(member.pk), "points": member.points_available},
            )
            _queue(member)
        return len(members)


def _due(program: Any, at: datetime, inactivity: timedelta, validity: timedelta) -> Any:
    from django.db.models import F

    from loyalty.models import Member

    members = Member.objects.filter(program=program, is_active=True, points_balance__gt=F("points_held"))
    if program.expires_by_lots:
        return members.filter(lots__status="scheduled", lots__expires_at__lte=at)
    return members.filter(last_activity_at__lte=at - inactivity)


def _queue(member: Any) -> None:
    from django_q.tasks import async_task

    async_task(MAIL, str(member.pk))
