"""What is known of inviter and invitee when a reward is due, in one statement."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from loyalty.models import Member, TierBasis
from loyalty.operations.tiers import ROLLING_WINDOW
from loyalty_site.prepared import prepared_cursor
from referrals.models import Invite, ReferralSettings
from referrals.queries.rows import from_json
from referrals.queries.rules import RULES_SQL, rules_in

_DAY = timedelta(hours=24)

# Points towards a tier that rolls, of both; for other programs nobody looks.
_ROLLING = """
SELECT jsonb_object_agg(m.id, (
           SELECT coalesce(sum(e.lifetime_delta), 0) FROM loyalty_ledger_entries e
            WHERE e.member_id = m.id AND e.occurred_at > %s AND e.occurred_at <= %s AND e.lifetime_delta <> 0))::text
  FROM loyalty_members m WHERE m.id = ANY (%s::uuid[])"""

_SHARED = """
SELECT coalesce(jsonb_agg(DISTINCT a.kind), '[]')::text
  FROM loyalty_referral_devices a
  JOIN loyalty_referral_devices b
    ON b.merchant_id = a.merchant_id AND b.kind = a.kind AND b.digest = a.digest AND b.member_id = %s
 WHERE a.member_id = %s"""

_FROM_ADDRESS = """
SELECT coalesce(max(crowd.members), 0) FROM loyalty_referral_devices a
 CROSS JOIN LATERAL (
    SELECT count(DISTINCT i.invitee_id) AS members
      FROM loyalty_referral_devices b
      JOIN loyalty_referral_invites i ON i.invitee_id = b.member_id AND i.completed_at IS NOT NULL
     WHERE b.merchant_id = a.merchant_id AND b.kind = 'address' AND b.digest = a.digest
       AND b.member_id <> a.member_id) crowd
 WHERE a.member_id = %s AND a.kind = 'address'"""

_SQL = f"""
SELECT {RULES_SQL},
       (SELECT to_jsonb(i)::text FROM loyalty_referral_invites i
         WHERE i.invitee_id = %s AND (i.completed_at IS NOT NULL OR i.status IN ('draft', 'sent'))),
       (SELECT count(*) FROM loyalty_referral_invites i
         WHERE i.referrer_id = %s AND i.completed_at > %s AND i.completed_at <= %s AND i.id <> %s),
       ({_SHARED}), ({_FROM_ADDRESS}),
       (SELECT e.id FROM loyalty_ledger_entries e
         WHERE e.merchant_id = %s AND e.key = 'earn:' || %s::text AND e.member_id = %s)"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found. `known` is the invite that the invitee came with before; `shared` the kinds of trace both have.

    `conversions` are others of the inviter in the 24 hours before, `from_address` other invitees who came from an
    address of the invitee's. `order_entry_id` is the entry of the order, if it was booked here. `qualifying` are
    points towards a tier by member, where tiers roll.
    """

    rules: ReferralSettings
    known: Invite | None
    conversions: int
    shared: frozenset[str]
    from_address: int
    order_entry_id: UUID | None
    qualifying: dict[UUID, int] | None


def gather(*, referrer: Member, invitee: Member, invite_id: UUID, at: datetime, order_reference: str = "") -> Evidence:
    """The evidence at `at`, and the invitee's order of that reference; both members must be locked, for it decides."""
    values: list[Any] = [
        *(referrer.program_id, invitee.pk),
        *(referrer.pk, at - _DAY, at, invite_id),
        *(referrer.pk, invitee.pk, invitee.pk),
        *(invitee.merchant_id, order_reference, invitee.pk),
    ]
    sql, rolls = _SQL, referrer.program.tier_basis != TierBasis.LIFETIME
    if rolls:
        sql = f"{_SQL}, ({_ROLLING})"
        values += [at - ROLLING_WINDOW, at, [referrer.pk, invitee.pk]]
    with prepared_cursor() as cursor:
        cursor.execute(sql, values)
        rules, known, conversions, shared, from_address, order_entry_id, *rest = cursor.fetchone()
    return Evidence(
        rules=rules_in(rules, program_id=referrer.program_id, merchant_id=referrer.merchant_id),
        known=from_json(Invite, known) if known else None,
        conversions=conversions,
        shared=frozenset(json.loads(shared)),
        from_address=from_address,
        order_entry_id=order_entry_id,
        qualifying={UUID(pk): int(points) for pk, points in json.loads(rest[0]).items()} if rolls else None,
    )
