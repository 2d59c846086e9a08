"""Why an entry is what it is: the rule behind it, the lots it made or took, what is held, what answered it since."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from loyalty.models import EntryType, LedgerEntry
from loyalty.operations.refunds import Story
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Merchant

# What an order's reference was used for, the first of them that there is.
_KEYS = ("earn", "redeem", "stamp")

NOTHING = {
    "below_minimum": "The purchase is smaller than the program's minimum.",
    "less_than_a_point": "The amount is worth less than one point.",
    "cap_reached": "The program's most points for a day, or an order, had been earned already.",
}

# All that stands around one entry, in one statement; each part goes by an index of its own.
_AROUND = """
SELECT jsonb_build_object(
  'made', (
    SELECT jsonb_build_object('id', l.id, 'points', l.points, 'remaining_points', l.points - l.consumed,
             'held_points', CASE WHEN l.status = 'scheduled' THEN greatest(0, least(l.points - l.consumed,
               m.points_held - coalesce((
                 SELECT sum(o.points - o.consumed) FROM loyalty_point_expirations o
                  WHERE o.member_id = l.member_id AND o.status = 'scheduled'
                    AND (o.expires_at, o.number) < (l.expires_at, l.number)), 0))) ELSE 0 END,
             'expires_at', l.expires_at, 'status', l.status)
      FROM loyalty_point_expirations l JOIN loyalty_members m ON m.id = l.member_id WHERE l.id = %(entry)s),
  'taken', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('lot_id', a.lot_id, 'points', a.points, 'expires_at', l.expires_at)
             ORDER BY l.expires_at, l.number), '[]')
      FROM loyalty_lot_allocations a JOIN loyalty_point_expirations l ON l.id = a.lot_id
     WHERE a.entry_id = %(entry)s),
  'used', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('entry_id', e.id, 'entry_type', e.type, 'points', a.points,
             'occurred_at', e.occurred_at) ORDER BY e.number), '[]')
      FROM loyalty_lot_allocations a JOIN loyalty_ledger_entries e ON e.id = a.entry_id
     WHERE a.lot_id = %(entry)s),
  'answered', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('entry_id', e.id, 'entry_type', e.type, 'amount', e.points_delta,
             'kind', e.metadata ->> 'kind', 'key', e.key, 'metadata', e.metadata, 'occurred_at', e.occurred_at,
             'description', e.description) ORDER BY e.number), '[]')
      FROM loyalty_ledger_entries e WHERE e.answers_id = %(entry)s AND e.member_id = %(member)s),
  'expired', (
    SELECT jsonb_build_object('entry_id', e.id, 'entry_type', e.type, 'amount', e.points_delta,
             'occurred_at', e.occurred_at)
      FROM loyalty_ledger_entries e
     WHERE %(credits)s AND e.member_id = %(member)s AND e.number > %(number)s AND e.number <= %(number)s + 5000
       AND e.type = 'points_expired' AND e.metadata ->> 'policy' = 'inactivity'
     ORDER BY e.number LIMIT 1),
  'answers', (
    SELECT jsonb_build_object('entry_id', e.id, 'entry_type', e.type, 'amount', e.points_delta,
             'occurred_at', e.occurred_at)
      FROM loyalty_ledger_entries e WHERE e.id = %(answers)s AND e.member_id = %(member)s),
  'hold', (
    SELECT jsonb_build_object('id', r.id, 'status', r.status, 'points_cost', r.points_cost,
             'requested_at', r.requested_at, 'fulfilled_at', r.fulfilled_at)
      FROM loyalty_redemptions r WHERE r.id = %(redemption)s AND r.member_id = %(member)s)
)::text
"""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One entry and all that stands around it.

    `rule` names the rule by which points moved, `calculation` what went into it where the entry is a purchase.
    `kept` is what a purchase keeps of its points now. `made` is the lot the entry brought, with how much of it is left
    and held; `taken` the lots it took from (negative: gave back to), `undated` what it took besides; `used` who took
    of its lot; `answers` the entry that it answers, and `answered` those that answer it: refunds, voids, undone runs,
    restores. `expired` is the next expiry by inactivity, which took whatever was left. `hold` is the redemption
    that it fulfilled.
    """

    entry: LedgerEntry
    rule: str
    calculation: dict[str, Any] | None
    nothing_for: str | None
    kept: int | None
    undated: int
    made: dict[str, Any] | None
    taken: list[dict[str, Any]]
    used: list[dict[str, Any]]
    expired: dict[str, Any] | None
    hold: dict[str, Any] | None
    answers: dict[str, Any] | None
    answered: list[dict[str, Any]]


def of_entry(merchant: Merchant, entry_id: UUID, *, user_id: UUID | None = None) -> Explanation:
    """Why the merchant's entry is what it is; with `user_id`, if it is that member's. Raises `NotFound`."""
    return _explained(_entries(merchant, user_id).filter(pk=entry_id))


def of_order(merchant: Merchant, order_reference: str, *, user_id: UUID | None = None) -> Explanation:
    """Why the order earned what it did; one that only spent or stamped is explained by that. Raises `NotFound`."""
    keys = [f"{kind}:{order_reference}" for kind in _KEYS]
    return _explained(_entries(merchant, user_id).filter(key__in=keys))


def _entries(merchant: Merchant, user_id: UUID | None) -> QuerySet[LedgerEntry]:
    entries = LedgerEntry.objects.filter(merchant_id=merchant.pk)
    return entries if user_id is None else entries.filter(member__customer__user_id=user_id)


def _explained(entries: QuerySet[LedgerEntry]) -> Explanation:
    found = sorted(entries.order_by("number")[: len(_KEYS)], key=_rank)
    if not found:
        raise NotFound
    entry = found[0]
    around = _around(entry)
    facts, taken = entry.metadata, around["taken"]
    took = max(0, -entry.points_delta)
    return Explanation(
        entry=entry,
        rule=str(facts.get("rule") or facts.get("policy") or facts.get("kind") or entry.type),
        calculation=_calculation(facts) if entry.type == EntryType.EARN else None,
        # What others wrote into the metadata of an entry that is no purchase explains nothing.
        nothing_for=facts.get("nothing_for") if entry.type == EntryType.EARN else None,
        kept=_kept(entry, around["answered"]) if entry.type == EntryType.EARN else None,
        undated=max(0, took - sum(each["points"] for each in taken)),
        made=around["made"],
        taken=taken,
        used=around["used"],
        expired=around["expired"],
        hold=around["hold"],
        answers=around["answers"],
        answered=around["answered"],
    )


def _rank(entry: LedgerEntry) -> int:
    kind = (entry.key or "").partition(":")[0]
    return _KEYS.index(kind) if kind in _KEYS else 0


def _around(entry: LedgerEntry) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "entry": entry.pk,
        "member": entry.member_id,
        "number": entry.number,
        "credits": entry.points_delta > 0,
        "answers": entry.answers_id,
        "redemption": _uuid(entry.metadata.get("redemption_id")),
    }
    with connection.cursor() as cursor:
        cursor.execute(_AROUND, facts)
        [(told,)] = cursor.fetchall()
    around: dict[str, Any] = json.loads(told)
    for part in (
        around["made"],
        around["expired"],
        around["answers"],
        around["hold"],
        *around["taken"],
        *around["used"],
    ):
        _with_times(part)
    for part in around["answered"]:
        _with_times(part)
    return around


def _with_times(part: dict[str, Any] | None) -> None:
    for name in ("expires_at", "occurred_at", "requested_at", "fulfilled_at"):
        if part is not None and part.get(name) is not None:
            part[name] = datetime.fromisoformat(part[name])


def _calculation(facts: dict[str, Any]) -> dict[str, Any]:
    names = ("amount", "currency", "rate", "multiplier", "tier", "minimum_purchase", "cap")
    return {name: facts.get(name) for name in names}


def _kept(entry: LedgerEntry, answered: list[dict[str, Any]]) -> int:
    """What the purchase keeps: nothing once it was voided or undone, else what refunds have left of it."""
    story = Story.of(entry)
    for each in answered:
        story.hear(each["entry_type"], each["metadata"], each["key"])
    return 0 if story.voided or story.undone else story.kept


def _uuid(text: Any) -> UUID | None:
    try:
        return UUID(str(text)) if text is not None else None
    except ValueError:
        return None
