"""A page of a member's ledger, made into JSON where it is read: no row becomes a Python object on its way out.

Pages go by the entry's number, newest first: a range of one index, so that a page costs the same at any depth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from loyalty_site.prepared import run

# The shape of `loyalty.api.shapes.entry`, which a test holds it to.
_ENTRY = """
json_build_object(
    'id', e.id, 'number', e.number, 'entryType', e.type, 'points', e.points_delta,
    'pointsBalance', e.points_balance_after, 'stamps', e.stamps_delta, 'stampCount', e.stamps_balance_after,
    'requested', e.requested, 'shortfall', greatest(0, coalesce(e.requested - abs(e.points_delta), 0)),
    'orderReference', nullif(e.order_reference, ''), 'answers', e.answers_id, 'description', e.description,
    'metadata', e.metadata,
    'occurredAt', to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text"""

STATEMENT = f"""
SELECT e.number, {_ENTRY}
  FROM loyalty_ledger_entries e
  WHERE e.member_id = %s AND e.number < %s AND (%s::text[] IS NULL OR e.type = ANY (%s::text[]))
  ORDER BY e.number DESC
  LIMIT %s"""

# Behind the newest entry there can be.
BEGINNING = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """Entries as JSON texts, newest first, and the number behind which the next page begins; None at the end."""

    entries: list[str]
    before: int | None


def page(member_id: UUID, *, before: int, limit: int, types: Sequence[str] = ()) -> LedgerPage:
    """At most `limit` of the member's entries numbered below `before`, of these types or, without any, of all."""
    rows = run(STATEMENT, parameters(member_id, before=before, limit=limit, types=types))
    shown = rows[:limit]
    return LedgerPage([text for _, text in shown], shown[-1][0] if len(rows) > limit else None)


def parameters(member_id: UUID, *, before: int, limit: int, types: Sequence[str] = ()) -> list[object]:
    """What the statement takes for `page`; one row more than asked for tells whether there is another page."""
    wanted = list(types) or None
    return [member_id, before, wanted, wanted, limit + 1]
