"""Invites that come to count, or cease to, by what happens elsewhere: enrolments, first orders, returns.

These change invites alone, many in one statement. Points move when the settling job comes to them
(referrals/operations/settling.py).
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from referrals.models import ReferralSettings

PENDING_DAYS = ReferralSettings._meta.get_field("pending_days").default
# The types of entry that take an order back, in part or wholly.
RETURNS = ["refund", "undo"]


# What an expired invite still counts for: news of what happened in its time may come later than the job that expires
# it. Not where the invitee has come with another since.
_WAITING = """
    (w.status IN ('draft', 'sent') OR (w.status = 'expired' AND w.completed_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM loyalty_referral_invites o
         WHERE o.invitee_id = w.invitee_id AND (o.completed_at IS NOT NULL OR o.status IN ('draft', 'sent')))))"""


def enrolled(member_ids: Sequence[UUID]) -> int:
    """Convert the waiting invites of members who have enrolled; the next settling credits. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE loyalty_referral_invites w
               SET status = 'converted', reward_state = 'pending', completed_at = m.enrolled_at,
                   payable_at = m.enrolled_at, updated_at = m.enrolled_at
              FROM loyalty_members m
              LEFT JOIN loyalty_referral_settings s ON s.program_id = m.program_id
             WHERE w.invitee_id = ANY (%s::uuid[]) AND m.id = w.invitee_id AND {_WAITING}
               AND m.enrolled_at < w.expires_at
               AND coalesce(s.converts_on, 'enrollment') = 'enrollment'""",
            [list(member_ids)],
        )
        return int(cursor.rowcount)


def ordered(entry_ids: Sequence[UUID]) -> int:
    """Convert the waiting invites of members whose orders these are; the reward waits for a return.

    The first order that is large enough counts. Who was a customer already when they came with the code waits for an
    order, whatever the program asks for by now. Returns how many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE loyalty_referral_invites i
               SET status = 'converted', reward_state = 'pending', completed_at = o.occurred_at,
                   payable_at = o.occurred_at + o.pending, updated_at = o.occurred_at,
                   order_reference = o.order_reference, order_amount = o.amount, order_entry_id = o.id
              FROM (SELECT DISTINCT ON (e.member_id) w.id AS invite_id, e.id, e.member_id, e.occurred_at,
                           e.order_reference, (e.metadata ->> 'amount')::numeric AS amount,
                           make_interval(days => coalesce(s.pending_days, {PENDING_DAYS})) AS pending
                      FROM loyalty_ledger_entries e
                      JOIN loyalty_members m ON m.id = e.member_id
                      JOIN loyalty_referral_invites w ON w.invitee_id = e.member_id AND {_WAITING}
                      LEFT JOIN loyalty_referral_settings s ON s.program_id = m.program_id
                     WHERE e.id = ANY (%s::uuid[]) AND e.type = 'earn'
                       AND (s.converts_on = 'first_order' OR m.enrolled_at <= w.attached_at)
                       AND e.occurred_at >= w.attached_at AND e.occurred_at < w.expires_at
                       AND (e.metadata ->> 'amount')::numeric >= greatest(s.minimum_order, 0.01)
                     ORDER BY e.member_id, e.occurred_at, e.number) o
             WHERE i.id = o.invite_id AND i.completed_at IS NULL AND i.status IN ('draft', 'sent', 'expired')""",
            [list(entry_ids)],
        )
        return int(cursor.rowcount)


# The orders that these answer, the conversions they made, and what is left of each by what came back in its time.
_FALLEN = """
    answered AS (
        SELECT DISTINCT o.id, o.member_id, o.order_reference, (o.metadata ->> 'amount')::numeric AS amount
          FROM loyalty_ledger_entries e JOIN loyalty_ledger_entries o ON o.id = e.answers_id AND o.type = 'earn'
         WHERE e.id = ANY (%s::uuid[]) AND e.type = ANY (%s)),
    -- A back end may have completed before the till booked the order: then its reference tells.
    meant AS (
        SELECT i.id, a.id AS order_id FROM answered a JOIN loyalty_referral_invites i ON i.order_entry_id = a.id
         UNION
        SELECT i.id, a.id FROM answered a JOIN loyalty_referral_invites i ON i.invitee_id = a.member_id
         WHERE i.completed_at IS NOT NULL AND i.order_entry_id IS NULL
           AND i.order_reference = a.order_reference AND a.order_reference <> ''),
    back AS (
        SELECT i.id, a.amount, s.converts_on, s.minimum_order, max(r.occurred_at) AS at,
               coalesce(bool_or(r.type = 'undo'), false) AS undone,
               coalesce(sum((r.metadata ->> 'amount')::numeric) FILTER (WHERE r.type = 'refund'), 0) AS refunded
          FROM meant JOIN loyalty_referral_invites i ON i.id = meant.id
          JOIN answered a ON a.id = meant.order_id
          JOIN loyalty_members m ON m.id = i.referrer_id
          LEFT JOIN loyalty_referral_settings s ON s.program_id = m.program_id
          -- Until it is credited, and as long as the rules say now: they may have changed since.
          JOIN loyalty_ledger_entries r ON r.answers_id = a.id AND r.type = ANY (%s)
           AND r.occurred_at <= greatest(i.payable_at, i.completed_at + make_interval(
               days => coalesce(s.pending_days, %s)))
         GROUP BY i.id, a.id, a.amount, s.converts_on, s.minimum_order)"""


def returned(answer_ids: Sequence[UUID]) -> int:
    """Cancel the rewards of orders that these refunds and voids have made too small, inside the pending time.

    What was credited is taken back by the next settling. Returns how many conversions that is.
    """
    if not answer_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH {_FALLEN},
            fallen AS (
                UPDATE loyalty_referral_invites i
                   SET status = 'cancelled', reason = 'order_returned', updated_at = b.at,
                       reward_state = CASE WHEN i.reward_state = 'paid' THEN 'reversing' ELSE 'dropped' END
                  FROM back b
                 WHERE i.id = b.id AND i.reward_state IN ('pending', 'review', 'paid')
                   AND (b.undone OR b.amount - b.refunded
                        < greatest(0.01, CASE WHEN b.converts_on = 'first_order' THEN b.minimum_order END))
             RETURNING i.id, b.at),
            closed AS (
                UPDATE referral_reviews v SET status = 'rejected', reason = 'order_returned', decided_at = f.at
                  FROM fallen f WHERE v.invite_id = f.id AND v.status = 'open' RETURNING 1)
            SELECT count(*) FROM fallen""",
            [list(answer_ids), RETURNS, RETURNS, PENDING_DAYS],
        )
        return int(cursor.fetchone()[0])
