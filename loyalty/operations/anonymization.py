"""Forgetting a person while the books still balance."""

from datetime import datetime

import structlog
from django.db import transaction

from loyalty.events import MemberAnonymized
from loyalty.models import Member
from loyalty.queries import faces
from loyalty_site import outbox
from loyalty_site.refusals import NotFound
from loyalty_site.tenants import privacy

log = structlog.get_logger("loyalty.card_service")


@transaction.atomic(savepoint=False)
def anonymize(*, member: Member, at: datetime) -> Member:
    """Make every table forget the person; amounts, dates and references of orders stay, and so does the balance.

    The card is switched off and its number given up: whoever shows it is unknown. Twice is once. Raises `NotFound`
    where the member is gone.
    """
    # Who takes up an invite locks it before the two members: in another order we would wait for each other.
    first = privacy.locking(member.customer)
    found = faces.members(f"m.id = %s AND {first.sql}", [member.pk, *first.parameters], for_change=True)
    if not found:
        raise NotFound
    fresh = found[0]
    if fresh.customer.anonymized_at is not None:
        return fresh
    privacy.forget(fresh.customer, at=at)
    outbox.publish(MemberAnonymized.about(fresh, at=at))
    log.info("anonymized", member=str(fresh.pk), merchant=str(fresh.merchant_id))
    [forgotten] = faces.members("m.id = %s", [fresh.pk])
    return forgotten
