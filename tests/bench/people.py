"""Members by the million, made in SQL, past the triggers that see to it that a member is born empty."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tests.bench import ground

_CUSTOMERS = """
INSERT INTO customers (id, merchant_id, user_id, external_ref, first_name, last_name, email, phone_number, push_token,
                       locale, time_zone, marketing_consent, marketing_consent_source, created_at)
SELECT {id}, %(merchant)s, {id}, number::text, 'Member', number::text, number || '@example.com', '', '', '', '',
       false, '', now()
  FROM generate_series(1, %(members)s::integer) AS number"""

_MEMBERS = """
INSERT INTO loyalty_members (id, merchant_id, program_id, customer_id, card_number, points_balance, points_held,
                             lifetime_points, stamp_count, last_number, referral_code, enrolled_at, last_activity_at,
                             is_active, created_at)
SELECT {id}, %(merchant)s, %(program)s, {id}, number::text, %(points)s, 0, %(points)s, 0,
       sign(%(points)s::float)::integer,
       'M' || left(encode(substring(int8send(%(prefix)s * 2000000::bigint + number) FROM 4), 'base64'), 7),
       %(active_at)s, CASE WHEN number %% %(every)s = 0 THEN %(other_at)s ELSE %(active_at)s END, true, %(active_at)s
  FROM generate_series(1, %(members)s::integer) AS number"""

_ENTRIES = """
INSERT INTO loyalty_ledger_entries (id, merchant_id, member_id, number, type, points_delta, points_balance_after,
    stamps_delta, stamps_balance_after, lifetime_delta, order_reference, key, description, metadata,
    occurred_at, created_at)
SELECT {id}, %(merchant)s, {id}, 1, 'earn', %(points)s, %(points)s, 0, 0, %(points)s, '', 'earn:' || number, '', '{{}}',
       %(active_at)s, %(active_at)s
  FROM generate_series(1, %(members)s::integer) AS number"""

_LOTS = """
INSERT INTO loyalty_point_expirations (id, merchant_id, member_id, number, points, consumed, expires_at, status)
SELECT {id}, %(merchant)s, {id}, 1, %(points)s, 0,
       CASE WHEN number %% %(every)s = 0 THEN %(other_lot_at)s ELSE %(lot_at)s END, 'scheduled'
  FROM generate_series(1, %(members)s::integer) AS number"""

_ID = "(lpad(to_hex(%(prefix)s::bigint), 8, '0') || '00007000' || '8000' || lpad(to_hex(number), 12, '0'))::uuid"


def member_id(prefix: int, number: int) -> UUID:
    """The id of that member of the program loaded with this prefix; the first is number 1."""
    return UUID(f"{prefix:08x}000070008000{number:012x}")


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """How many members, with how many points, last active when; every so manieth has the other moment."""

    members: int
    active_at: datetime
    points: int = 0
    lot_at: datetime | None = None
    every: int = 1_000_000_000
    other_at: datetime | None = None
    other_lot_at: datetime | None = None


def load(connection: Any, program: Any, prefix: int, crowd: Crowd) -> None:
    """Give the program its members, customers and all. A `prefix` is used once a database.

    The connection is in a transaction and may load members who were not born empty.
    """
    parameters = {
        "prefix": prefix,
        "merchant": program.merchant_id,
        "program": program.pk,
        "members": crowd.members,
        "points": crowd.points,
        "active_at": crowd.active_at,
        "lot_at": crowd.lot_at,
        "every": crowd.every,
        "other_at": crowd.other_at or crowd.active_at,
        "other_lot_at": crowd.other_lot_at or crowd.lot_at,
    }
    statements = [_CUSTOMERS, _MEMBERS]
    if crowd.points:
        statements.append(_ENTRIES)
    if crowd.lot_at:
        statements.append(_LOTS)
    for statement in statements:
        connection.execute(statement.format(id=_ID).encode(), parameters)


def settle_down(database: str) -> None:
    """What autovacuum and the checkpointer would do in their time, done now, so that no round pays for another."""
    with ground.superuser(database) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def make_program(slug: str, **rules: Any) -> Any:
    """A merchant, its store and its program of these rules."""
    from loyalty.models import Program
    from loyalty_site.tenants.models import Merchant, Store

    merchant = Merchant.objects.create(slug=slug, name=slug)
    Store.objects.create(merchant=merchant, reference="till", name="Till")
    return Program.objects.create(merchant=merchant, name=slug, currency="EUR", points_per_unit=10, **rules)
