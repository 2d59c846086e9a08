"""What a code that somebody came with promises them: read without locking anything, for a page to show."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import connection

from loyalty.models import Program
from loyalty_site.texts import can_be_kept
from referrals.models import OPEN, ReferralSettings
from referrals.operations.finding import normalized
from referrals.operations.invites import LETTER
from referrals.queries.rules import rules_in

LONGEST = 64

_INVITE = """
SELECT i.status, i.expires_at, i.invitee_id IS NOT NULL, i.invitee_points, m.customer_id, m.is_active AND p.is_active,
       (SELECT to_jsonb(s)::text FROM loyalty_referral_settings s WHERE s.program_id = p.id)
  FROM loyalty_referral_invites i
  JOIN loyalty_members m ON m.id = i.referrer_id
  JOIN loyalty_programs p ON p.id = m.program_id
 WHERE i.merchant_id = %s AND i.code = %s AND NOT i.is_standing"""

_STANDING = """
SELECT 'sent', NULL, false, NULL, m.customer_id, m.is_active AND p.is_active,
       (SELECT to_jsonb(s)::text FROM loyalty_referral_settings s WHERE s.program_id = p.id)
  FROM loyalty_members m JOIN loyalty_programs p ON p.id = m.program_id
 WHERE m.merchant_id = %s AND m.referral_code = %s"""


class State(StrEnum):
    """Whether the code can be taken up."""

    OPEN = "open"
    UNKNOWN = "unknown"
    OVER = "over"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the code promises the invitee: `points`, by the `rules`. Without a known code there is neither."""

    state: State
    code: str = ""
    points: int = 0
    rules: ReferralSettings | None = None
    inviter_customer_id: UUID | None = None


def of(program: Program, code: str, *, at: datetime) -> Offer:
    """The offer of the code to somebody who would join the program at `at`."""
    wanted = normalized(code)
    if not wanted or len(wanted) > LONGEST or not can_be_kept(wanted):
        return Offer(State.UNKNOWN)
    with connection.cursor() as cursor:
        cursor.execute(_INVITE if wanted.startswith(LETTER) else _STANDING, [program.merchant_id, wanted])
        row = cursor.fetchone()
    if row is None:
        return Offer(State.UNKNOWN)
    status, expires_at, is_taken, points, customer_id, is_active, text = row
    rules = rules_in(text, program_id=program.pk, merchant_id=program.merchant_id)
    if is_taken:
        state = State.TAKEN
    elif status not in OPEN or not is_active or (expires_at is not None and expires_at <= at):
        state = State.OVER
    else:
        state = State.OPEN
    return Offer(
        state=state,
        code=wanted,
        points=rules.invitee_points if points is None else points,
        rules=rules,
        inviter_customer_id=customer_id,
    )
