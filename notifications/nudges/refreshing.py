"""Bringing nudges in line with their signals: for one member before the feed, or for a chunk of a merchant's.

Two statements a chunk: one reads signals and nudges side by side, one writes what differs. Where nothing differs
nothing is written, so that a run right after another costs its looks alone.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from loyalty_site.ids import new_id
from notifications.models import Nudge, NudgeCampaign
from notifications.nudges import signals, wording
from notifications.nudges.signals import Signal

COUNTS = ("created", "renewed", "expired")

READ = f"""
WITH signal ({signals.COLUMNS}) AS ({signals.SQL}),
known AS (SELECT n.* FROM loyalty_nudges n WHERE n.member_id = ANY (%(ids)s::uuid[]))
SELECT s.member_id, s.nudge_type, s.source_id, s.until, s.facts::text,
       s.locale, s.program_locale, s.time_zone, s.program_time_zone,
       k.id, k.status, k.expires_at, k.payload::text, k.campaign_slug, k.channels, k.priority
  FROM signal s
  FULL JOIN known k ON k.member_id = s.member_id AND k.nudge_type = s.nudge_type AND k.source_id = s.source_id
 WHERE s.member_id IS NOT NULL OR k.status = 'active'"""

# In the order of the unique index: two who write the same nudges wait for each other, and do not deadlock.
_WRITE = """
WITH fresh AS (
    SELECT * FROM jsonb_to_recordset(%(fresh)s::jsonb) AS f(
        id uuid, member_id uuid, nudge_type text, source_id text, campaign_slug text, channels varchar(10)[],
        priority smallint, payload jsonb, expires_at timestamptz)
), written AS (
    INSERT INTO loyalty_nudges (id, merchant_id, member_id, nudge_type, source_id, status, campaign_slug, channels,
                                priority, payload, created_at, expires_at, last_triggered_at, sends)
    SELECT f.id, %(merchant)s, f.member_id, f.nudge_type, f.source_id, 'active', f.campaign_slug, f.channels,
           f.priority, f.payload, %(at)s, f.expires_at, %(at)s, 0
      FROM fresh f ORDER BY f.member_id, f.nudge_type, f.source_id
    ON CONFLICT (member_id, nudge_type, source_id) DO UPDATE
       SET status = 'active', campaign_slug = EXCLUDED.campaign_slug, channels = EXCLUDED.channels,
           priority = EXCLUDED.priority, payload = EXCLUDED.payload, expires_at = EXCLUDED.expires_at,
           last_triggered_at = EXCLUDED.last_triggered_at
     -- What the member has put away meanwhile stays put away.
     WHERE loyalty_nudges.status IN ('active', 'expired')
    RETURNING id
), gone AS (
    UPDATE loyalty_nudges n SET status = 'expired'
     WHERE n.id IN (SELECT g.id FROM loyalty_nudges g WHERE g.id = ANY (%(gone)s::uuid[]) AND g.status = 'active'
                     FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING n.id
)
SELECT (SELECT count(*) FROM written w WHERE EXISTS (SELECT 1 FROM fresh f WHERE f.id = w.id)),
       (SELECT count(*) FROM written), (SELECT count(*) FROM gone)"""


@dataclass(slots=True)
class Changes:
    """What is to be written: rows of new and renewed nudges, and ids of those whose signal is gone."""

    fresh: list[dict[str, Any]] = field(default_factory=list)
    renewed: int = 0
    gone: list[UUID] = field(default_factory=list)

    @property
    def counts(self) -> Counter[str]:
        """What would be written, for a preview."""
        created = len(self.fresh) - self.renewed
        return Counter(created=created, renewed=self.renewed, expired=len(self.gone))


def refresh(
    merchant_id: UUID, members: Sequence[UUID], campaigns: Mapping[str, NudgeCampaign], *, at: datetime
) -> Counter[str]:
    """Make, renew and expire the nudges of these members of the merchant, at most two statements.

    `campaigns` are those in force at `at`. Counts created, renewed (a new text, campaign or time to stand, or a signal
    that is back) and expired. A nudge that was acknowledged or dismissed stays as it is.
    """
    changes = foreseen(members, campaigns, at=at)
    if not changes.fresh and not changes.gone:
        return Counter()
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            {
                "merchant": merchant_id,
                "at": at,
                "fresh": json.dumps(changes.fresh, cls=DjangoJSONEncoder),
                "gone": changes.gone,
            },
        )
        created, written, expired = cursor.fetchone()
    return Counter(created=created, renewed=written - created, expired=expired)


def foreseen(members: Sequence[UUID], campaigns: Mapping[str, NudgeCampaign], *, at: datetime) -> Changes:
    """What `refresh` would write. One statement."""
    changes = Changes()
    with connection.cursor() as cursor:
        cursor.execute(READ, signals.parameters(members, at))
        rows = cursor.fetchall()
    for row in rows:
        _judge(row, campaigns, at, changes)
    return changes


def _judge(row: tuple[Any, ...], campaigns: Mapping[str, NudgeCampaign], at: datetime, changes: Changes) -> None:
    member_id, nudge_type, source_id, until, facts, *reads = row[:9]
    known_id, status, expires_at, *looks = row[9:]
    campaign = campaigns.get(nudge_type) if member_id is not None else None
    if campaign is None:
        if status == Nudge.Status.ACTIVE:
            changes.gone.append(known_id)
        return
    if status in (Nudge.Status.ACKNOWLEDGED, Nudge.Status.DISMISSED):
        return
    locale, program_locale, zone, program_zone = reads
    signal = Signal(
        member_id, nudge_type, source_id, until, json.loads(facts), (locale, program_locale), (zone, program_zone)
    )
    payload = wording.payload(signal)
    stands_until = min(until, at + campaign.ttl)
    if status == Nudge.Status.ACTIVE:
        said, slug, channels, priority = looks
        is_same = [slug, channels, priority] == [campaign.slug, campaign.channels, campaign.priority]
        # Renewed when half of its time is over, not at every look.
        stands = expires_at == stands_until or at + campaign.ttl / 2 <= expires_at <= stands_until
        if is_same and stands and json.loads(said) == payload:
            return
    changes.renewed += known_id is not None
    changes.fresh.append(
        {
            "id": new_id(),
            "member_id": member_id,
            "nudge_type": nudge_type,
            "source_id": source_id,
            "campaign_slug": campaign.slug,
            "channels": campaign.channels,
            "priority": campaign.priority,
            "payload": payload,
            "expires_at": stands_until,
        }
    )
