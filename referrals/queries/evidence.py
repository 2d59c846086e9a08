"""What is known of inviter and invitee when a reward is due, in one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from loyalty.models import Member, TierBasis
from loyalty.operations.tiers import ROLLING_WINDOW
from loyalty_site.prepared import run
from referrals.models import Invite, ReferralSettings
from referrals.queries.rows import from_json
from referrals.queries.rules import rules_in

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
    ON b.merchant_id = a.merchant_id AND b.kind = a.kind AND b.digest = a.digest AND b.member_id = c.invitee_id
 WHERE a.member_id = c.referrer_id"""

_FROM_ADDRESS = """
SELECT coalesce(max(crowd.members), 0) FROM loyalty_referral_devices a
 CROSS JOIN LATERAL (
    SELECT count(DISTINCT i.invitee_id) AS members
      FROM loyalty_referral_devices b
      JOIN loyalty_referral_invites i ON i.invitee_id = b.member_id AND i.completed_at IS NOT NULL
     WHERE b.merchant_id = a.merchant_id AND b.kind = 'address' AND b.digest = a.digest
       AND b.member_id <> a.member_id) crowd
 WHERE a.member_id = c.invitee_id AND a.kind = 'address'"""

# Of a conversion `c`. A busy day is the one before it counted: its reward may be due weeks later.
_FACTS = f"""
       (SELECT to_jsonb(s)::text FROM loyalty_referral_settings s WHERE s.program_id = c.program_id),
       (SELECT count(*) FROM loyalty_referral_invites i
         WHERE i.referrer_id = c.referrer_id AND i.completed_at > c.counted_at - interval '24 hours'
           AND i.completed_at <= c.counted_at AND i.id <> c.invite_id),
       ({_SHARED}), ({_FROM_ADDRESS})"""

_ONE = f"""
SELECT {_FACTS},
       (SELECT to_jsonb(i)::text FROM loyalty_referral_invites i
         WHERE i.invitee_id = c.invitee_id AND (i.completed_at IS NOT NULL OR i.status IN ('draft', 'sent'))),
       (SELECT e.id FROM loyalty_ledger_entries e
         WHERE e.merchant_id = %s AND e.key = 'earn:' || %s::text AND e.member_id = c.invitee_id){{rolling}}
  FROM (SELECT %s::uuid AS invite_id, %s::uuid AS referrer_id, %s::uuid AS invitee_id, %s::uuid AS program_id,
               %s::timestamptz AS counted_at) c"""

_MANY = f"""
SELECT c.invite_id, {_FACTS}
  FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[])
       AS c (invite_id, referrer_id, invitee_id, program_id, counted_at)"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found. `known` is the invite that the invitee came with before; `shared` the kinds of trace both have.

    `conversions` are others of the inviter in the 24 hours before it counted, `from_address` other invitees who came
    from an address of the invitee's. `order_entry_id` is the entry of the order, if it was booked here. `qualifying`
    are points towards a tier by member, where tiers roll.
    """

    rules: ReferralSettings
    conversions: int
    shared: frozenset[str]
    from_address: int
    known: Invite | None = None
    order_entry_id: UUID | None = None
    qualifying: dict[UUID, int] | None = None


def gather(*, referrer: Member, invitee: Member, invite_id: UUID, at: datetime, order_reference: str = "") -> Evidence:
    """The evidence at `at`, and the invitee's order of that reference; both members must be locked, for it decides."""
    values: list[Any] = [invitee.merchant_id, order_reference]
    rolls = referrer.program.tier_basis != TierBasis.LIFETIME
    if rolls:
        values += [at - ROLLING_WINDOW, at, [referrer.pk, invitee.pk]]
    values += [invite_id, referrer.pk, invitee.pk, referrer.program_id, at]
    [row] = run(_ONE.format(rolling=f", ({_ROLLING})" if rolls else ""), values)
    *facts, known, order_entry_id = row[:6]
    return _evidence(
        facts,
        referrer,
        known=from_json(Invite, known) if known else None,
        order_entry_id=order_entry_id,
        qualifying={UUID(pk): int(points) for pk, points in json.loads(row[6]).items()} if rolls else None,
    )


def gather_many(conversions: Sequence[tuple[Invite, Member, Member]]) -> dict[UUID, Evidence]:
    """The evidence of many conversions by invite: (invite, inviter, invitee), the members locked, in one statement.

    Only what weighs: nobody asks any more whether they count.
    """
    if not conversions:
        return {}
    columns: list[Any] = [
        [invite.pk for invite, _, _ in conversions],
        [referrer.pk for _, referrer, _ in conversions],
        [invitee.pk for _, _, invitee in conversions],
        [referrer.program_id for _, referrer, _ in conversions],
        [invite.completed_at for invite, _, _ in conversions],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_MANY, columns)
        found = {invite_id: facts for invite_id, *facts in cursor.fetchall()}
    return {invite.pk: _evidence(found[invite.pk], referrer) for invite, referrer, _ in conversions}


def _evidence(facts: Sequence[Any], referrer: Member, **more: Any) -> Evidence:
    rules, conversions, shared, from_address = facts
    return Evidence(
        rules=rules_in(rules, program_id=referrer.program_id, merchant_id=referrer.merchant_id),
        conversions=conversions,
        shared=frozenset(json.loads(shared)),
        from_address=from_address,
        **more,
    )
