"""What a member is reminded of now, what they were, and what they say to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from loyalty.models import Member
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Merchant
from notifications.models import Nudge
from notifications.nudges import campaigns, refreshing

# Far more than one member's cards and checkouts leave open.
MOST = 200


def current(member: Member, *, at: datetime) -> list[Nudge]:
    """The member's active nudges, the highest priority first, then what is over soonest. At most four queries.

    The member's signals are looked at first, so that it does not matter when the last run was.
    """
    speaking = campaigns.in_force(member.merchant_id, at=at)
    refreshing.refresh(member.merchant_id, [member.pk], speaking, at=at)
    active = Nudge.objects.filter(member=member, status=Nudge.Status.ACTIVE, expires_at__gt=at)
    return list(active.order_by("-priority", "expires_at", "pk")[:MOST])


def history(member: Member, *, limit: int) -> list[Nudge]:
    """The member's nudges of every status, newest first. One query."""
    return list(Nudge.objects.filter(member=member).order_by("-created_at", "-pk")[:limit])


# The times say when what it is now was said; being active again takes both back. What is over stays so: its reason is
# gone, and a message of it would tell of points long spent.
_ANSWER = """
UPDATE loyalty_nudges n
   SET status = CASE WHEN %(status)s = 'active' AND n.status = 'expired' THEN 'expired' ELSE %(status)s END,
       acknowledged_at = CASE WHEN %(status)s = 'acknowledged' THEN coalesce(n.acknowledged_at, %(at)s)
                              WHEN %(status)s = 'active' THEN NULL ELSE n.acknowledged_at END,
       dismissed_at = CASE WHEN %(status)s = 'dismissed' THEN coalesce(n.dismissed_at, %(at)s) ELSE NULL END
  FROM loyalty_members m JOIN customers c ON c.id = m.customer_id
 WHERE n.id = %(nudge)s AND n.merchant_id = %(merchant)s AND m.id = n.member_id AND c.user_id = %(user)s
RETURNING c.id"""


def answer(*, merchant: Merchant, user_id: UUID, nudge_id: UUID, status: str, at: datetime) -> UUID:
    """Let the member's nudge be active, acknowledged or dismissed; return the customer's id. One statement.

    What was acknowledged or dismissed stays so, however often its signal is seen. Saying the same again changes
    nothing. Raises `NotFound` where the nudge is not this member's.
    """
    facts: dict[str, Any] = {"status": status, "at": at, "nudge": nudge_id, "merchant": merchant.pk, "user": user_id}
    with connection.cursor() as cursor:
        cursor.execute(_ANSWER, facts)
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    customer_id: UUID = row[0]
    return customer_id
