"""The books in sums: what a merchant's members have, against what the ledger says they have."""

from dataclasses import dataclass

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
    SELECT count(*), coalesce(sum(m.points_balance), 0)::bigint,
           (SELECT coalesce(sum(e.points_delta), 0)::bigint FROM loyalty_ledger_entries e
              WHERE e.merchant_id = %(merchant)s),
           (SELECT coalesce(sum(l.points - l.consumed), 0)::bigint FROM loyalty_point_expirations l
              WHERE l.merchant_id = %(merchant)s AND l.status = 'scheduled'),
           coalesce(sum(m.points_held), 0)::bigint,
           (SELECT coalesce(sum(r.points_cost), 0)::bigint FROM loyalty_redemptions r
              WHERE r.merchant_id = %(merchant)s AND r.status = 'requested')
      FROM loyalty_members m WHERE m.merchant_id = %(merchant)s"""


def books(merchant: Merchant) -> Books:
    """The merchant's sums, of one moment."""
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, {"merchant": merchant.pk})
        members, balance, entries, dated, held, requested = cursor.fetchone()
    return Books(members, balance, entries, dated, balance - dated, held, requested)
