"""What makes a nudge: points about to expire, something left at a checkout, a reward asked for and not picked up.

Read from the loyalty tables as they are at one moment, for a set of members in one statement.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

# Points count as expiring this long before they do.
EXPIRING_WITHIN = timedelta(days=7)
# A redemption that is still open is asked after from then, and until then, after its request.
FOLLOW_UP_AFTER = timedelta(days=3)
FOLLOW_UP_UNTIL = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Signal:
    """One reason for a nudge, and how the member likes to read: facts as the database has them.

    `until`: when it is over by itself. `locales`: the member's and the program's. `zones` likewise.
    """

    member_id: UUID
    nudge_type: str
    source_id: str
    until: datetime
    facts: dict[str, Any]
    locales: tuple[str, str]
    zones: tuple[str, str]


def parameters(ids: Iterable[UUID], at: datetime) -> dict[str, Any]:
    """What `SQL` names, for these members at `at`."""
    return {
        "ids": "{" + ",".join(each.hex for each in ids) + "}",
        "at": at,
        "soon": at + EXPIRING_WITHIN,
        "requested_from": at - FOLLOW_UP_UNTIL,
        "requested_until": at - FOLLOW_UP_AFTER,
        "follow_up_until": FOLLOW_UP_UNTIL,
    }


# Who may lose points: the rule of the nightly run (loyalty/operations/expiration/due.py).
_FREE = "m.points_balance - m.points_held"
# A day is 24 hours, as it is for that run: an interval of days would follow the clocks of the session's zone.
_DUE = "(m.last_activity_at + p.points_expiration_days * interval '24 hours')"

_READS = "c.locale, c.time_zone, p.locale, p.time_zone"

_OF = """
  FROM loyalty_members m
  JOIN loyalty_programs p ON p.id = m.program_id AND p.is_active
  JOIN customers c ON c.id = m.customer_id"""
_WHOSE = "WHERE m.id = ANY (%(ids)s::uuid[]) AND m.is_active"

_LOTS = f"""
SELECT m.id, 'expiring_points', l.id::text, l.expires_at, {_READS},
       jsonb_build_object('points', least(l.points - l.consumed, {_FREE}), 'expires_at', l.expires_at)
{_OF}
  JOIN loyalty_point_expirations l ON l.member_id = m.id AND l.status = 'scheduled'
   AND l.expires_at > %(at)s AND l.expires_at <= %(soon)s
{_WHOSE} AND p.expiry_policy IN ('lots', 'both') AND {_FREE} > 0"""

_INACTIVITY = f"""
SELECT m.id, 'expiring_points', 'inactivity:' || to_char({_DUE} AT TIME ZONE 'UTC', 'YYYY-MM-DD'), {_DUE}, {_READS},
       jsonb_build_object('points', {_FREE}, 'expires_at', {_DUE})
{_OF}
{_WHOSE} AND p.expiry_policy IN ('inactivity', 'both') AND {_FREE} > 0
   AND {_DUE} > %(at)s AND {_DUE} <= %(soon)s"""

# An intent whose redemption was closed waits for nothing: the rule of the member's feed (loyalty/queries/next_actions).
_INTENTS = f"""
SELECT m.id, 'checkout_reminder', i.id::text, i.expires_at, {_READS},
       jsonb_build_object('kind', i.kind, 'intent_id', i.id, 'order_id', i.order_id, 'expires_at', i.expires_at,
           'points', i.points_cost, 'reward', coalesce(w.name, i.reward_name), 'code', i.referral_code)
{_OF}
  JOIN loyalty_checkout_intents i ON i.member_id = m.id AND i.status = 'pending' AND i.expires_at > %(at)s
  LEFT JOIN loyalty_redemptions r ON r.id = i.redemption_id
  LEFT JOIN loyalty_rewards w ON w.id = i.reward_id
{_WHOSE} AND (i.redemption_id IS NULL OR r.status = 'requested')"""

_REDEMPTIONS = f"""
SELECT m.id, 'redemption_follow_up', r.id::text, r.requested_at + %(follow_up_until)s, {_READS},
       jsonb_build_object('redemption_id', r.id, 'requested_at', r.requested_at, 'points', r.points_cost,
           'reward', w.name)
{_OF}
  JOIN loyalty_redemptions r ON r.member_id = m.id AND r.status = 'requested'
   AND r.requested_at > %(requested_from)s AND r.requested_at <= %(requested_until)s
  LEFT JOIN loyalty_rewards w ON w.id = r.reward_id
{_WHOSE}"""

# Every signal of the members %(ids)s at %(at)s.
SQL = " UNION ALL ".join((_LOTS, _INACTIVITY, _INTENTS, _REDEMPTIONS))
COLUMNS = "member_id, nudge_type, source_id, until, locale, time_zone, program_locale, program_time_zone, facts"
