"""What the API shows of this app's rows: plain values in snake_case; the renderer turns names into camelCase.

An entry's shape is made of the entry alone, so that a retry is answered with the very same body.
"""

from typing import Any

from loyalty.models import LedgerEntry
from loyalty_site.http.fields import moment


def entry(row: LedgerEntry) -> dict[str, Any]:
    """A ledger entry as stores and staff see it."""
    return {
        "id": str(row.pk),
        "number": row.number,
        "entry_type": row.type,
        "points": row.points_delta,
        "points_balance": row.points_balance_after,
        "stamps": row.stamps_delta,
        "stamp_count": row.stamps_balance_after,
        "requested": row.requested,
        "shortfall": row.shortfall,
        "order_reference": row.order_reference or None,
        "answers": str(row.answers_id) if row.answers_id else None,
        "description": row.description,
        "metadata": row.metadata,
        "occurred_at": moment(row.occurred_at),
    }
