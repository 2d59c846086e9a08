"""Do the books balance? Every figure that is kept beside the ledger, against the ledger."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from loyalty_site.tenants.models import Merchant

# Repaired a thousand members at a time, so that a till waits for moments only.
_MEND_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one member that does not say what the ledger says. `kept` is the figure, `ledger` the truth."""

    member_id: UUID
    card_number: str
    check: str
    kept: int
    ledger: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a report."""
        return asdict(self)


# Each check gives merchant, member, kept, ledger; {members} and {entries} are those of the merchants, or all.
_FIGURES = """
    WITH truth AS (
        SELECT e.member_id, sum(e.points_delta)::bigint AS points, sum(e.lifetime_delta)::bigint AS lifetime,
               sum(e.stamps_delta)::bigint AS stamps, max(e.number) AS number, count(*) AS entries
          FROM loyalty_ledger_entries e WHERE {entries} GROUP BY e.member_id
    ),
    held AS (
        SELECT r.member_id, sum(r.points_cost)::bigint AS points FROM loyalty_redemptions r
          WHERE r.status = 'requested' GROUP BY r.member_id
    )
    SELECT m.merchant_id, m.id, m.card_number, figure.name, figure.kept, figure.ledger
      FROM loyalty_members m
      LEFT JOIN truth ON truth.member_id = m.id
      LEFT JOIN held ON held.member_id = m.id
      CROSS JOIN LATERAL (VALUES
          ('balance', m.points_balance, coalesce(truth.points, 0)),
          ('lifetime', m.lifetime_points, coalesce(truth.lifetime, 0)),
          ('stamps', m.stamp_count, coalesce(truth.stamps, 0)),
          ('last_number', m.last_number, coalesce(truth.number, 0)),
          ('entries', coalesce(truth.entries, 0), coalesce(truth.number, 0)),
          ('held', m.points_held, coalesce(held.points, 0))
      ) AS figure (name, kept, ledger)
      WHERE {members} AND figure.kept <> figure.ledger"""

_CHAIN = """
    SELECT m.merchant_id, e.member_id, m.card_number, 'chain of entry ' || e.number, e.points_balance_after, e.points
      FROM (
        SELECT e.member_id, e.number, e.points_balance_after, e.stamps_balance_after,
               sum(e.points_delta) OVER w AS points, sum(e.stamps_delta) OVER w AS stamps
          FROM loyalty_ledger_entries e WHERE {entries}
          WINDOW w AS (PARTITION BY e.member_id ORDER BY e.number)) e
      JOIN loyalty_members m ON m.id = e.member_id
      WHERE e.points_balance_after <> e.points OR e.stamps_balance_after <> e.stamps"""

_LOTS = """
    SELECT m.merchant_id, l.member_id, m.card_number, 'lot ' || l.id, l.consumed, coalesce(taken.points, 0)
      FROM loyalty_point_expirations l
      JOIN loyalty_members m ON m.id = l.member_id
      LEFT JOIN LATERAL (
          SELECT sum(a.points)::bigint AS points FROM loyalty_lot_allocations a WHERE a.lot_id = l.id) taken ON true
      WHERE {members} AND l.consumed <> coalesce(taken.points, 0)"""

_DATED = """
    SELECT m.merchant_id, m.id, m.card_number, 'dated points', dated.points, m.points_balance
      FROM loyalty_members m
      JOIN (
          SELECT l.member_id, sum(l.points - l.consumed)::bigint AS points FROM loyalty_point_expirations l
            WHERE l.status = 'scheduled' GROUP BY l.member_id) dated ON dated.member_id = m.id
      WHERE {members} AND dated.points > m.points_balance"""

# One statement, so that every check sees the same moment.
_CHECKS = " UNION ALL ".join(f"({check})" for check in (_FIGURES, _CHAIN, _LOTS, _DATED))

# What `ledger_mend` can set right: the figures on the member.
MENDABLE = frozenset({"balance", "lifetime", "stamps", "last_number", "held"})


def differences(merchant: Merchant | None = None) -> Iterator[Difference]:
    """Every figure that does not agree with the ledger, of this merchant or of all; nothing where all is well.

    balance, lifetime, stamps = sums of the entries; numbers run without a gap; each entry's balance follows from the
    one before; held = open redemptions; what a lot gave = its allocations; dated points are never more than the
    balance, the rest being undated. Reads one consistent moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(_asked(of_some=merchant is not None), {"merchants": [merchant.pk] if merchant else None})
        while rows := cursor.fetchmany(1000):
            yield from (Difference(*row[1:]) for row in rows)


def differences_of(merchants: Sequence[Merchant], *, most: int) -> dict[UUID, list[Difference]]:
    """`differences` of each of these merchants, by its id, `most` of each; all of one moment."""
    found: dict[UUID, list[Difference]] = {merchant.pk: [] for merchant in merchants}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT merchant_id, id, card_number, name, kept, ledger
              FROM (SELECT *, row_number() OVER (PARTITION BY merchant_id) AS place
                      FROM ({_asked(of_some=True)}) AS every (merchant_id, id, card_number, name, kept, ledger)) first
              WHERE place <= %(most)s""",
            {"merchants": list(found), "most": most},
        )
        for merchant_id, *row in cursor.fetchall():
            found[merchant_id].append(Difference(*row))
    return found


def _asked(*, of_some: bool) -> str:
    """The checks, of the merchants in the parameter or of all."""
    return _CHECKS.format(
        members="m.merchant_id = ANY (%(merchants)s::uuid[])" if of_some else "true",
        entries="e.merchant_id = ANY (%(merchants)s::uuid[])" if of_some else "true",
    )


def mend(members: Iterable[UUID]) -> int:
    """Make the figures kept on these members say what the ledger says; returns how many were wrong.

    It changes no entry and no lot. Each thousand commits.
    """
    ids = sorted(set(members))
    mended = 0
    for first in range(0, len(ids), _MEND_CHUNK):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT ledger_mend_v1(%s)", [ids[first : first + _MEND_CHUNK]])
            mended += cursor.fetchone()[0]
    return mended
