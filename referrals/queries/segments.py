"""Who is active, who is stalled, who is at risk: a merchant's members by when they last did something.

Something is an earn, a redemption, a stamp, an invite sent or a conversion; what merely happens to a member (an
expiry, a correction, a bonus of the house) is nothing. Windows are so many times 24 hours before the moment asked
for, that moment included (specs/referrals.md "Segments and velocity").
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from loyalty.models import VISIT_TYPES
from loyalty_site.tenants.models import Merchant
from referrals.models import AnalyticsSnapshot

WINDOW_DAYS = 30
STALLED_DAYS = 90

# In the order they are told; INACTIVE stands alone where there is nobody.
SLUGS = ("active", "stalled", "at-risk")
INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Segment:
    """The members of one segment, and what they did together in the window. `active_cards`: cards switched on."""

    slug: str
    members: int = 0
    active_cards: int = 0
    invites: int = 0
    conversions: int = 0
    points_earned: int = 0

    def per_member(self, total: int) -> float:
        """The average, to four places; 0 where there is nobody."""
        return round(total / self.members, 4) if self.members else 0.0


@dataclass(frozen=True, slots=True)
class Segments:
    """A merchant's segments as of `computed_at`."""

    computed_at: datetime
    window_days: int
    segments: list[Segment]

    def total(self, name: str) -> int:
        """What all members have of `members`, `invites`, `conversions` or `points_earned`."""
        return sum(getattr(segment, name) for segment in self.segments)

    def rows(self) -> list[dict[str, Any]]:
        """As a snapshot keeps them."""
        return [asdict(segment) for segment in self.segments]


# Only what happened in the last 90 days is read: whoever is not in it is at risk, however long ago they came. A member
# is counted from the day they joined, and where that was told later, from their first entry. Entries are reached by
# their members: of a small merchant by the index, of a great one in one pass over the table; a condition on the
# entries' own merchant would allow for the pass alone.
_QUERY = """
    WITH visited AS (
        SELECT e.member_id, max(e.occurred_at) AS last_at,
               sum(e.points_delta) FILTER (WHERE e.type = 'earn' AND e.occurred_at > %(window)s) AS points
          FROM loyalty_members m
          JOIN loyalty_ledger_entries e ON e.member_id = m.id
          WHERE m.merchant_id = %(merchant)s AND e.type = ANY (%(visits)s)
            AND e.occurred_at > %(stalled)s AND e.occurred_at <= %(at)s
          GROUP BY e.member_id
    ),
    invited AS (
        SELECT i.referrer_id AS member_id, max(i.created_at) AS last_at,
               count(*) FILTER (WHERE i.created_at > %(window)s) AS invites
          FROM loyalty_referral_invites i
          WHERE i.merchant_id = %(merchant)s AND i.created_at > %(stalled)s AND i.created_at <= %(at)s
          GROUP BY i.referrer_id
    ),
    converted AS (
        SELECT i.referrer_id AS member_id, max(i.completed_at) AS last_at,
               count(*) FILTER (WHERE i.completed_at > %(window)s) AS conversions
          FROM loyalty_referral_invites i
          WHERE i.merchant_id = %(merchant)s AND i.status = 'converted'
            AND i.completed_at > %(stalled)s AND i.completed_at <= %(at)s
          GROUP BY i.referrer_id
    ),
    known AS (
        SELECT greatest(visited.last_at, invited.last_at, converted.last_at) AS last_at, m.is_active,
               invited.invites, converted.conversions, visited.points
          FROM loyalty_members m
          LEFT JOIN visited ON visited.member_id = m.id
          LEFT JOIN invited ON invited.member_id = m.id
          LEFT JOIN converted ON converted.member_id = m.id
          WHERE m.merchant_id = %(merchant)s
            AND (least(m.created_at, m.enrolled_at) <= %(at)s
                 OR EXISTS (SELECT FROM loyalty_ledger_entries e
                              WHERE e.member_id = m.id AND e.occurred_at <= %(at)s))
    )
    SELECT CASE WHEN last_at > %(window)s THEN 'active' WHEN last_at IS NOT NULL THEN 'stalled' ELSE 'at-risk' END,
           count(*), count(*) FILTER (WHERE is_active), coalesce(sum(invites), 0)::bigint,
           coalesce(sum(conversions), 0)::bigint, coalesce(sum(points), 0)::bigint
      FROM known GROUP BY 1"""


def measured(merchant: Merchant, at: datetime) -> Segments:
    """The segments as of that moment, counted now: one statement, whose answer is three rows."""
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, _parameters(merchant, at))
        found = {row[0]: Segment(*row) for row in cursor.fetchall()}
    segments = [found.get(slug, Segment(slug)) for slug in SLUGS] if found else [Segment(INACTIVE)]
    return Segments(at, WINDOW_DAYS, segments)


def stored(snapshot: AnalyticsSnapshot) -> Segments:
    """The segments that the snapshot keeps."""
    return Segments(snapshot.computed_at, snapshot.window_days, [Segment(**row) for row in snapshot.segments])


def latest(merchant: Merchant, at: datetime) -> Segments:
    """The newest snapshot's; where there is none yet, those of `at`."""
    snapshot = AnalyticsSnapshot.objects.filter(merchant=merchant).order_by("-day").first()
    return stored(snapshot) if snapshot is not None else measured(merchant, at)


def _parameters(merchant: Merchant, at: datetime) -> dict[str, Any]:
    return {
        "merchant": merchant.pk,
        "at": at,
        "window": at - timedelta(days=WINDOW_DAYS),
        "stalled": at - timedelta(days=STALLED_DAYS),
        "visits": sorted(str(each.value) for each in VISIT_TYPES),
    }
