"""Sending what is due: one statement claims a chunk of nudges, and their messages are queued beside it."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction

from loyalty.operations.walking import pin_the_walk
from loyalty_site.ids import NEW_IDS_SQL
from loyalty_site.tenants.models import Merchant
from notifications.models import Kind, NudgeCampaign
from notifications.nudges import campaigns
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage

CHUNK = 500

COUNTS = ("due", "queued", "held_out")

log = structlog.get_logger("loyalty.nudges")

Advance = Callable[[int], None]

# A member's place in a campaign, from 0 to 99: the same for ever, and another one in another campaign.
_PLACE = """mod(('x' || left(encode(sha256(convert_to(n.member_id::text || ':' || n.campaign_slug, 'UTF8')), 'hex'), 8))
    ::bit(32)::bigint, 100)"""

# Of a member's nudges of one campaign the one told least often, then the one that is over soonest.
_DUE = f"""
SELECT DISTINCT ON (n.member_id, n.campaign_slug)
       n.id, n.merchant_id, n.member_id, m.customer_id, n.campaign_slug, n.nudge_type, n.payload, c.cap, open.channels,
       {_PLACE} < c.percent AS is_held_out
  FROM loyalty_nudges n
  JOIN campaign c ON c.slug = n.campaign_slug
  JOIN loyalty_members m ON m.id = n.member_id AND m.is_active
  JOIN loyalty_programs p ON p.id = m.program_id AND p.is_active
  JOIN customers u ON u.id = m.customer_id AND u.marketing_consent AND u.anonymized_at IS NULL
  LEFT JOIN message_preferences f ON f.customer_id = u.id
  -- OFFSET 0 keeps it a probe a nudge: joined, all exposures before the chunk would be passed again for each.
  LEFT JOIN LATERAL (SELECT x.last_at FROM loyalty_nudge_exposures x
                      WHERE x.member_id = n.member_id AND x.campaign_slug = n.campaign_slug OFFSET 0) e ON true
  CROSS JOIN LATERAL (
      SELECT array_agg(x.channel ORDER BY x.was_tried, x.place) AS channels
        FROM (SELECT o.channel, o.place,
                     EXISTS (SELECT 1 FROM loyalty_nudge_dispatch_events d
                              WHERE d.nudge_id = n.id AND d.channel = o.channel) AS was_tried
                FROM unnest(c.channels) WITH ORDINALITY AS o(channel, place)) x
       WHERE CASE x.channel WHEN 'email' THEN u.email <> '' AND coalesce(f.email, true)
                            WHEN 'sms' THEN u.phone_number <> '' AND coalesce(f.sms, true)
                            WHEN 'push' THEN u.push_token <> '' AND coalesce(f.push, true)
                            ELSE false END) open
 WHERE n.merchant_id = %(merchant)s AND n.status = 'active' AND n.member_id >= %(after)s AND n.expires_at > %(at)s
   AND (e.last_at IS NULL OR e.last_at <= %(at)s - c.cap) AND open.channels IS NOT NULL
 ORDER BY n.member_id, n.campaign_slug, n.sends, n.expires_at, n.id"""

_CAMPAIGN = """
campaign AS (
    SELECT c.slug, c.channels, c.cap_hours * interval '1 hour' AS cap, c.percent
      FROM jsonb_to_recordset(%(campaigns)s::jsonb)
           AS c(slug text, channels text[], cap_hours integer, percent integer)
)"""

# A nudge somebody else is at is left to them. The exposure is what one of two dispatchers writes first: the other
# waits for it, sees that the cap has begun anew, and claims nothing.
CLAIM = f"""
WITH {_CAMPAIGN}, due AS ({_DUE} LIMIT %(chunk)s),
free AS (
    SELECT n.id FROM loyalty_nudges n WHERE n.id IN (SELECT due.id FROM due) AND n.status = 'active'
       FOR NO KEY UPDATE SKIP LOCKED
), claimed AS (
    INSERT INTO loyalty_nudge_exposures AS e (id, merchant_id, member_id, campaign_slug, nudged_at, held_out_at,
                                              last_at)
    SELECT {NEW_IDS_SQL}, d.merchant_id, d.member_id, d.campaign_slug,
           CASE WHEN d.is_held_out THEN NULL ELSE %(at)s::timestamptz END,
           CASE WHEN d.is_held_out THEN %(at)s::timestamptz END, %(at)s
      FROM due d JOIN free ON free.id = d.id ORDER BY d.member_id, d.campaign_slug
    ON CONFLICT (member_id, campaign_slug) DO UPDATE
       SET nudged_at = coalesce(e.nudged_at, EXCLUDED.nudged_at),
           held_out_at = coalesce(e.held_out_at, EXCLUDED.held_out_at), last_at = EXCLUDED.last_at
     WHERE e.last_at <= EXCLUDED.last_at - (SELECT c.cap FROM campaign c WHERE c.slug = e.campaign_slug)
    RETURNING e.member_id, e.campaign_slug
), marked AS (
    UPDATE loyalty_nudges n
       SET sends = n.sends + 1, last_sent_at = %(at)s
      FROM due d JOIN claimed k ON k.member_id = d.member_id AND k.campaign_slug = d.campaign_slug
     WHERE n.id = d.id AND NOT d.is_held_out
    RETURNING n.id, n.sends
)
SELECT d.id, d.member_id, d.customer_id, d.nudge_type, d.payload::text, d.channels, d.is_held_out,
       k.member_id IS NOT NULL, marked.sends
  FROM due d
  LEFT JOIN claimed k ON k.member_id = d.member_id AND k.campaign_slug = d.campaign_slug
  LEFT JOIN marked ON marked.id = d.id
 ORDER BY d.member_id"""

_FORESEE = f"""
WITH {_CAMPAIGN}, due AS ({_DUE})
SELECT count(*), count(*) FILTER (WHERE NOT is_held_out), count(*) FILTER (WHERE is_held_out) FROM due"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What one chunk claimed. `last`: the last member that was due; None where nothing is left."""

    messages: list[NewMessage]
    held_out: int
    last: UUID | None


def dispatch(
    *,
    merchants: Iterable[Merchant],
    at: datetime,
    chunk: int = CHUNK,
    dry_run: bool = False,
    told: Advance = lambda members: None,
) -> Counter[str]:
    """Queue one message for every nudge that is due at `at`; each chunk commits with its messages.

    Due is a nudge that is active and not over, of a campaign in force, of a member who agreed to marketing messages,
    can be reached by one of the campaign's channels, and has had no message of the campaign within its cap. Who is
    held out is noted as such and gets none. Counts merchants, due, queued and held_out; with `dry_run` nothing is
    written.
    """
    counts: Counter[str] = Counter(dict.fromkeys(("merchants", *COUNTS), 0))
    for merchant in merchants:
        counts["merchants"] += 1
        speaking = campaigns.in_force(merchant.pk, at=at)
        if not merchant.is_active or not speaking:
            continue
        asked = _asked(merchant.pk, speaking, at)
        done = _foreseen(asked) if dry_run else _sent(asked, at, chunk, told)
        counts.update(done)
        if done["due"]:
            log.info("dispatched", merchant=merchant.slug, **done)
    return counts


def _asked(merchant_id: UUID, speaking: Mapping[str, NudgeCampaign], at: datetime) -> dict[str, Any]:
    rows = [
        {
            "slug": each.slug,
            "channels": list(dict.fromkeys(each.channels)),
            "cap_hours": each.cap_hours,
            "percent": each.held_out_percent,
        }
        for each in speaking.values()
    ]
    return {"merchant": merchant_id, "at": at, "campaigns": json.dumps(rows), "after": UUID(int=0)}


def _foreseen(asked: dict[str, Any]) -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute(_FORESEE, asked)
        return Counter(dict(zip(COUNTS, cursor.fetchone(), strict=True)))


def _sent(asked: dict[str, Any], at: datetime, chunk: int, told: Advance) -> Counter[str]:
    done: Counter[str] = Counter(dict.fromkeys(COUNTS, 0))
    after: UUID | None = asked["after"]
    while after is not None:
        # A member may stand on both sides of a chunk's end; who was claimed is not due again.
        with transaction.atomic():
            claimed = _claim(asked | {"after": after, "chunk": chunk})
            queued = queueing.queue(claimed.messages, at=at)
        done.update(due=len(claimed.messages) + claimed.held_out, queued=queued, held_out=claimed.held_out)
        told(len(claimed.messages) + claimed.held_out)
        after = claimed.last
    return done


def pin(cursor: Any) -> None:
    """Hold the planner to the walk along active nudges, for this transaction; a few of a member are sorted on the way.

    It would rather sort all that is due, once a chunk.
    """
    pin_the_walk(cursor)
    cursor.execute("SELECT set_config('enable_sort', 'on', true)")


def _claim(asked: dict[str, Any]) -> Claimed:
    with connection.cursor() as cursor:
        pin(cursor)
        cursor.execute(CLAIM, asked)
        rows = cursor.fetchall()
    held_out = sum(is_claimed and is_held for *_, is_held, is_claimed, _sends in rows)
    messages = [_message(asked["merchant"], row) for row in rows if row[-1] is not None]
    return Claimed(messages, held_out, rows[-1][1] if len(rows) == asked["chunk"] else None)


def _message(merchant_id: UUID, row: tuple[Any, ...]) -> NewMessage:
    nudge_id, member_id, customer_id, nudge_type, payload, channels, *_, sends = row
    said = json.loads(payload)
    return NewMessage(
        merchant_id=merchant_id,
        member_id=member_id,
        customer_id=customer_id,
        nudge_id=nudge_id,
        code=f"loyalty_nudge_{nudge_type}",
        key=f"nudge:{nudge_id}:{sends}",
        kind=Kind.MARKETING,
        channels=channels,
        variables={
            "headline": said["headline"],
            "body": said["body"],
            "cta": said["ctaLabel"],
            # Where it leads is made whole when it is composed: whoever dispatches may not know the platform's address.
            "cta_url": said["ctaHref"],
        },
    )
