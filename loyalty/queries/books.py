"""The books in sums: what a merchant's members have, against what the ledger says they have."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from loyalty_site.tenants.models import Merchant


@dataclass(frozen=True, slots=True)
class Books:
    """Sums over a merchant's members. In order: balance = entries = dated + undated, and held = open redemptions."""

    members: int
    balance: int
    entries: int
    dated: int
    undated: int
    held: int
    open_redemptions: int


_QUERY = """
    SELECT o.id, sums.members, sums.balance,
           (SELECT coalesce(sum(e.points_delta), 0)::bigint FROM loyalty_ledger_entries e
              WHERE e.merchant_id = o.id),
           (SELECT coalesce(sum(l.points - l.consumed), 0)::bigint FROM loyalty_point_expirations l
              WHERE l.merchant_id = o.id AND l.status = 'scheduled'),
           sums.held,
           (SELECT coalesce(sum(r.points_cost), 0)::bigint FROM loyalty_redemptions r
              WHERE r.merchant_id = o.id AND r.status = 'requested')
      FROM unnest(%s::uuid[]) AS o (id)
      CROSS JOIN LATERAL (
          SELECT count(*) AS members, coalesce(sum(m.points_balance), 0)::bigint AS balance,
                 coalesce(sum(m.points_held), 0)::bigint AS held
            FROM loyalty_members m WHERE m.merchant_id = o.id) sums"""


def books(merchants: Sequence[Merchant]) -> dict[UUID, Books]:
    """The sums of each of these merchants, by its id, of one moment."""
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, [[merchant.pk for merchant in merchants]])
        return {
            merchant_id: Books(members, balance, entries, dated, balance - dated, held, requested)
            for merchant_id, members, balance, entries, dated, held, requested in cursor.fetchall()
        }
