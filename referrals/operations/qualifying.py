"""Invites that come to count, or cease to, by what happens elsewhere: enrolments, first orders, returns.

These change invites alone, many in one statement. Points move when the settling job comes to them
(referrals/operations/settling.py), in a transaction for each conversion.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from referrals.models import ReferralSettings

PENDING_DAYS = ReferralSettings._meta.get_field("pending_days").default


def enrolled(member_ids: Sequence[UUID]) -> int:
    """Convert the waiting invites of members who have enrolled; the next settling credits. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE loyalty_referral_invites i
               SET status = 'converted', reward_state = 'pending', completed_at = m.enrolled_at,
                   payable_at = m.enrolled_at, updated_at = m.enrolled_at
              FROM loyalty_members m
              LEFT JOIN loyalty_referral_settings s ON s.program_id = m.program_id
             WHERE i.invitee_id = ANY (%s::uuid[]) AND i.status IN ('draft', 'sent') AND m.id = i.invitee_id
               AND m.enrolled_at <= i.expires_at AND coalesce(s.converts_on, 'enrollment') = 'enrollment'""",
            [list(member_ids)],
        )
        return int(cursor.rowcount)


def ordered(entry_ids: Sequence[UUID]) -> int:
    """Convert the waiting invites of members whose orders these are; the reward waits for a return.

    The first order that is large enough counts. Returns how many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE loyalty_referral_invites i
               SET status = 'converted', reward_state = 'pending', completed_at = o.occurred_at,
                   payable_at = o.occurred_at + o.pending, updated_at = o.occurred_at,
                   order_reference = o.order_reference, order_amount = o.amount, order_entry_id = o.id
              FROM (SELECT DISTINCT ON (e.member_id) e.id, e.member_id, e.occurred_at, e.order_reference,
                           (e.metadata ->> 'amount')::numeric AS amount,
                           make_interval(days => s.pending_days) AS pending
                      FROM loyalty_ledger_entries e
                      JOIN loyalty_members m ON m.id = e.member_id
                      JOIN loyalty_referral_settings s ON s.program_id = m.program_id
                      JOIN loyalty_referral_invites w ON w.invitee_id = e.member_id AND w.status IN ('draft', 'sent')
                     WHERE e.id = ANY (%s::uuid[]) AND e.type = 'earn' AND s.converts_on = 'first_order'
                       AND e.occurred_at >= w.attached_at AND e.occurred_at <= w.expires_at
                       AND (e.metadata ->> 'amount')::numeric >= greatest(s.minimum_order, 0.01)
                     ORDER BY e.member_id, e.occurred_at, e.number) o
             WHERE i.invitee_id = o.member_id AND i.status IN ('draft', 'sent')""",
            [list(entry_ids)],
        )
        return int(cursor.rowcount)


def returned(answer_ids: Sequence[UUID]) -> int:
    """Cancel the rewards of orders that these refunds and voids have made too small, inside the pending time.

    What was credited is taken back by the next settling. Returns how many conversions that is.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH answers AS (
                SELECT e.answers_id, max(e.occurred_at) AS at, bool_or(e.type = 'undo') AS undone
                  FROM loyalty_ledger_entries e
                 WHERE e.id = ANY (%s::uuid[]) AND e.answers_id IS NOT NULL AND e.type IN ('refund', 'undo')
                 GROUP BY e.answers_id),
            kept AS (
                SELECT a.answers_id, a.at, o.member_id, o.order_reference, CASE WHEN a.undone THEN 0 ELSE
                           (o.metadata ->> 'amount')::numeric - (
                               SELECT coalesce(sum((r.metadata ->> 'amount')::numeric), 0)
                                 FROM loyalty_ledger_entries r
                                WHERE r.answers_id = o.id AND r.type = 'refund') END AS amount
                  FROM answers a JOIN loyalty_ledger_entries o ON o.id = a.answers_id AND o.type = 'earn'),
            -- A back end may have completed before the till booked the order: then its reference tells.
            meant AS (
                SELECT i.id, k.at, k.amount
                  FROM kept k JOIN loyalty_referral_invites i ON i.order_entry_id = k.answers_id
                 UNION
                SELECT i.id, k.at, k.amount
                  FROM kept k JOIN loyalty_referral_invites i ON i.invitee_id = k.member_id
                 WHERE i.completed_at IS NOT NULL AND i.order_entry_id IS NULL
                   AND i.order_reference = k.order_reference AND k.order_reference <> ''),
            fallen AS (
                UPDATE loyalty_referral_invites i
                   SET status = 'cancelled', reason = 'order_returned', updated_at = k.at,
                       reward_state = CASE WHEN i.reward_state = 'paid' THEN 'reversing' ELSE 'dropped' END
                  FROM meant k, loyalty_members m
                  LEFT JOIN loyalty_referral_settings s ON s.program_id = m.program_id
                 WHERE i.id = k.id AND m.id = i.referrer_id
                   AND i.reward_state IN ('pending', 'review', 'paid')
                   AND k.at <= i.completed_at + make_interval(days => coalesce(s.pending_days, %s))
                   AND k.amount < greatest(0.01, CASE WHEN s.converts_on = 'first_order' THEN s.minimum_order END)
             RETURNING i.id, k.at),
            closed AS (
                UPDATE referral_reviews v SET status = 'rejected', reason = 'order_returned', decided_at = f.at
                  FROM fallen f WHERE v.invite_id = f.id AND v.status = 'open' RETURNING 1)
            SELECT count(*) FROM fallen""",
            [list(answer_ids), PENDING_DAYS],
        )
        return int(cursor.fetchone()[0])
