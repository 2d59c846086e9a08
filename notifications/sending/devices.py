"""Devices that are gone."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

_TAKE_AWAY = """
UPDATE customers SET push_token = '' FROM unnest(%s::uuid[], %s::text[]) AS dead (customer_id, token)
WHERE customers.id = dead.customer_id AND customers.push_token = dead.token
"""


def take_away(dead: Sequence[tuple[UUID | None, str]]) -> None:
    """Forget the push tokens that their provider does not know any more; a newer one of the customer's stays."""
    known = [(customer_id, token) for customer_id, token in dead if customer_id is not None]
    if known:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_AWAY, [[each[0] for each in known], [each[1] for each in known]])
