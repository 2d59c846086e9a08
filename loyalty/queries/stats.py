"""A merchant's figures over a period: set-based, nothing kept beside the ledger.

A day is a day of the program's time zone. Points are `issued` (purchases and bonuses), `redeemed`, `expired`, and
`corrected` (everything else, signed): issued - redeemed - expired + corrected is what balances moved by.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from loyalty.models import LIFETIME_TYPES, VISIT_TYPES, Program
from loyalty.queries import liability
from loyalty.queries.cohorts import MONTHS_TO_RETURN
from loyalty.queries.liability import Liability
from loyalty_site.tenants.models import Merchant, Store


@dataclass(slots=True)
class Moves:
    """What entries add up to."""

    transactions: int = 0
    points_issued: int = 0
    points_redeemed: int = 0
    points_expired: int = 0
    points_corrected: int = 0
    stamps: int = 0
    stamp_cards_redeemed: int = 0
    enrolments: int = 0

    @property
    def redemption_ratio(self) -> float | None:
        """Points redeemed for each point issued; None where none was."""
        return round(self.points_redeemed / self.points_issued, 4) if self.points_issued else None


@dataclass(frozen=True, slots=True)
class Share:
    """How many of how many."""

    of: int = 0
    those: int = 0

    @property
    def ratio(self) -> float | None:
        return round(self.those / self.of, 4) if self.of else None


@dataclass(slots=True)
class MerchantStats:
    """One merchant's figures.

    `members`: active cards of enrolled members, now. `visitors`: members with a visit in the period.
    `stamp_completion`: of the members who got a stamp in the period, those whose card was full then. `retention`: of
    the members whose third calendar month after that of their first visit ended in the period, those who came in it.
    """

    merchant: Merchant
    moves: Moves = field(default_factory=Moves)
    members: int = 0
    visitors: int = 0
    stamp_completion: Share = field(default_factory=Share)
    retention: Share = field(default_factory=Share)
    liability: list[Liability] = field(default_factory=list)


@dataclass(slots=True)
class Stats:
    """The figures of some merchants: together, by day, by store, by merchant."""

    totals: Moves
    by_day: dict[date, Moves]
    by_store: list[tuple[Merchant, Store | None, Moves]]
    by_merchant: list[MerchantStats]


# The programs in question, each with its own beginning and end of the period, and of the months of first visits
# whose third month after ended in it.
_PROGRAMS = """
    p AS (
        SELECT * FROM unnest(
            %(programs)s::uuid[], %(merchants)s::uuid[], %(zones)s::text[], %(begins)s::timestamptz[],
            %(ends)s::timestamptz[], %(cohorts_begin)s::timestamptz[], %(cohorts_end)s::timestamptz[],
            %(targets)s::int[])
            AS p (id, merchant_id, zone, begins, ends, cohorts_begin, cohorts_end, target)
    )"""

# The programs and the outermost bounds once more, said plainly: what stands in a row of `p` the planner cannot know,
# and it would read the whole ledger for a small merchant, or every entry that a member ever had.
_OF_PROGRAMS = "m.program_id = ANY (%(programs)s::uuid[])"
_IN_PERIOD = """e.occurred_at >= p.begins AND e.occurred_at < p.ends
            AND e.occurred_at >= %(begin)s AND e.occurred_at < %(end)s"""
_IN_COHORTS = """e.occurred_at >= p.cohorts_begin AND e.occurred_at < p.cohorts_end
            AND e.occurred_at >= %(cohorts_from)s AND e.occurred_at < %(cohorts_to)s"""
_AT_STORE = "(%(store)s::uuid IS NULL OR e.store_id = %(store)s::uuid)"

# Moves by day, store and merchant, and enrolments by day and merchant: rows of one shape, told apart by the first two
# columns.
_MOVES = f"""
    WITH {_PROGRAMS},
    moves AS (
        SELECT e.merchant_id, e.store_id, (e.occurred_at AT TIME ZONE p.zone)::date AS day, e.type, e.points_delta,
               e.stamps_delta
          FROM loyalty_ledger_entries e
          JOIN loyalty_members m ON m.id = e.member_id
          JOIN p ON p.id = m.program_id
          WHERE {_OF_PROGRAMS} AND {_IN_PERIOD}
            AND {_AT_STORE}
    ),
    enrolled AS (
        SELECT m.merchant_id, e.store_id, (m.enrolled_at AT TIME ZONE p.zone)::date AS day
          FROM loyalty_members m
          JOIN p ON p.id = m.program_id
          LEFT JOIN loyalty_ledger_entries e ON e.member_id = m.id AND e.number = 1
          WHERE {_OF_PROGRAMS} AND m.enrolled_at >= p.begins AND m.enrolled_at < p.ends AND {_AT_STORE}
    )
    SELECT false, grouping(day, merchant_id, store_id), day, merchant_id, store_id,
           (SELECT to_jsonb(s)::text FROM stores s WHERE s.id = store_id), count(*),
           coalesce(sum(points_delta) FILTER (WHERE type = ANY (%(issuing)s)), 0)::bigint,
           coalesce(-sum(points_delta) FILTER (WHERE type = 'redeem'), 0)::bigint,
           coalesce(-sum(points_delta) FILTER (WHERE type = 'points_expired'), 0)::bigint,
           coalesce(sum(points_delta) FILTER (
               WHERE type <> ALL (%(issuing)s) AND type NOT IN ('redeem', 'points_expired')), 0)::bigint,
           coalesce(sum(stamps_delta) FILTER (WHERE type = 'stamp_earned'), 0)::bigint,
           count(*) FILTER (WHERE type = 'stamp_redeemed')
      FROM moves
      GROUP BY GROUPING SETS ((), (day), (merchant_id), (merchant_id, store_id))
    UNION ALL
    SELECT true, grouping(day, merchant_id, store_id), day, merchant_id, store_id,
           (SELECT to_jsonb(s)::text FROM stores s WHERE s.id = store_id), count(*), 0, 0, 0, 0, 0, 0
      FROM enrolled
      GROUP BY GROUPING SETS ((day), (merchant_id), (merchant_id, store_id))"""

# Bits of grouping(day, merchant_id, store_id): set where a column was left out.
_ALL, _BY_DAY, _BY_MERCHANT, _BY_STORE = 0b111, 0b011, 0b101, 0b100

_MEMBERS = f"""
    WITH {_PROGRAMS},
    stamped AS (
        SELECT e.member_id, bool_or(e.stamps_balance_after >= p.target) AS is_full
          FROM loyalty_ledger_entries e
          JOIN loyalty_members m ON m.id = e.member_id
          JOIN p ON p.id = m.program_id
          WHERE {_OF_PROGRAMS} AND e.type = 'stamp_earned'
            AND {_IN_PERIOD} AND {_AT_STORE}
          GROUP BY e.member_id
    ),
    came AS (
        SELECT DISTINCT e.member_id
          FROM loyalty_ledger_entries e
          JOIN loyalty_members m ON m.id = e.member_id
          JOIN p ON p.id = m.program_id
          WHERE {_OF_PROGRAMS} AND e.type = ANY (%(visits)s)
            AND {_IN_PERIOD} AND {_AT_STORE}
    ),
    candidate AS (
        SELECT e.member_id, p.zone, p.cohorts_begin,
               date_trunc('month', min(e.occurred_at) AT TIME ZONE p.zone) AS month
          FROM loyalty_ledger_entries e
          JOIN loyalty_members m ON m.id = e.member_id
          JOIN p ON p.id = m.program_id
          WHERE {_OF_PROGRAMS} AND e.type = ANY (%(visits)s)
            AND {_IN_COHORTS} AND {_AT_STORE}
          GROUP BY e.member_id, p.zone, p.cohorts_begin
    ),
    cohort AS (
        SELECT c.member_id, EXISTS (
            SELECT FROM loyalty_ledger_entries e
              WHERE e.member_id = c.member_id AND e.type = ANY (%(visits)s)
                AND e.occurred_at >= (c.month + interval '3 months') AT TIME ZONE c.zone
                AND e.occurred_at < (c.month + interval '4 months') AT TIME ZONE c.zone AND {_AT_STORE}) AS returned
          FROM candidate c
          WHERE NOT EXISTS (
              SELECT FROM loyalty_ledger_entries e
                WHERE e.member_id = c.member_id AND e.type = ANY (%(visits)s) AND e.occurred_at < c.cohorts_begin
                  AND {_AT_STORE})
    )
    SELECT m.merchant_id, count(*) FILTER (WHERE m.is_active AND m.enrolled_at IS NOT NULL), count(came.member_id),
           count(stamped.member_id), count(*) FILTER (WHERE stamped.is_full),
           count(cohort.member_id), count(*) FILTER (WHERE cohort.returned)
      FROM loyalty_members m
      JOIN p ON p.id = m.program_id
      LEFT JOIN came ON came.member_id = m.id
      LEFT JOIN stamped ON stamped.member_id = m.id
      LEFT JOIN cohort ON cohort.member_id = m.id
      WHERE {_OF_PROGRAMS}
      GROUP BY m.merchant_id"""


def stats(
    merchants: Sequence[Merchant],
    first: date,
    last: date,
    *,
    store: Store | None = None,
    with_liability: bool = True,
) -> Stats:
    """The figures of these merchants from the first day to the last, both included; liability is that of now.

    With a store, of what happened there: an enrolment is of the store of the member's first entry. Members and
    liability are the merchant's all the same, since a card is good at every store.
    """
    by_merchant = {merchant.pk: MerchantStats(merchant) for merchant in merchants}
    programs = list(Program.objects.filter(merchant__in=merchants).order_by("pk"))
    parameters = _parameters(programs, first, last) | {"store": store.pk if store else None}
    found = Stats(
        totals=Moves(),
        by_day={first + timedelta(days=day): Moves() for day in range((last - first).days + 1)},
        by_store=[],
        by_merchant=list(by_merchant.values()),
    )
    with connection.cursor() as cursor:
        cursor.execute(_MOVES, parameters)
        _fill(found, by_merchant, cursor.fetchall())
        cursor.execute(_MEMBERS, parameters)
        for merchant_id, members, visitors, stamped, full, cohort, returned in cursor.fetchall():
            one = by_merchant[merchant_id]
            one.members, one.visitors = members, visitors
            one.stamp_completion, one.retention = Share(stamped, full), Share(cohort, returned)
    for each in liability.liabilities(programs) if with_liability else ():
        by_merchant[each.program.merchant_id].liability.append(each)
    return found


def _fill(found: Stats, by_merchant: dict[UUID, MerchantStats], rows: list[tuple[Any, ...]]) -> None:
    at_stores: dict[tuple[UUID, UUID | None], Moves] = {}
    stores: dict[UUID | None, Store | None] = {}
    # Enrolments come after the moves they are added to.
    for is_enrolment, kind, day, merchant_id, store_id, store, *figures in sorted(rows, key=lambda row: row[0]):
        if kind == _BY_STORE:
            stores[store_id] = _store(store_id, store)
        if is_enrolment and kind == _BY_DAY:
            found.by_day[day].enrolments = figures[0]
        elif is_enrolment and kind == _BY_MERCHANT:
            by_merchant[merchant_id].moves.enrolments = figures[0]
            found.totals.enrolments += figures[0]
        elif is_enrolment:
            at_stores.setdefault((merchant_id, store_id), Moves()).enrolments = figures[0]
        elif kind == _ALL:
            found.totals = Moves(*figures)
        elif kind == _BY_DAY:
            found.by_day[day] = Moves(*figures)
        elif kind == _BY_MERCHANT:
            by_merchant[merchant_id].moves = Moves(*figures)
        elif kind == _BY_STORE:
            at_stores[merchant_id, store_id] = Moves(*figures)
    found.by_store = [
        (by_merchant[merchant_id].merchant, stores[store_id], moves)
        for (merchant_id, store_id), moves in at_stores.items()
    ]
    found.by_store.sort(key=lambda row: (str(row[0].pk), str(row[1].pk) if row[1] else ""))


def _store(pk: UUID | None, facts: str | None) -> Store | None:
    return None if pk is None or facts is None else Store(**{**json.loads(facts), "id": pk})


def _parameters(programs: list[Program], first: date, last: date) -> dict[str, Any]:
    # Of the months that ended in the period, the first and the one after the last, three months back.
    cohorts_begin, cohorts_end = (_month(day, -MONTHS_TO_RETURN) for day in (first, last + timedelta(days=1)))
    bounds = {
        name: [_midnight(program, day) for program in programs]
        for name, day in (
            ("begins", first),
            ("ends", last + timedelta(days=1)),
            ("cohorts_begin", cohorts_begin),
            ("cohorts_end", cohorts_end),
        )
    }
    return {
        **bounds,
        "begin": min(bounds["begins"], default=None),
        "end": max(bounds["ends"], default=None),
        "cohorts_from": min(bounds["cohorts_begin"], default=None),
        "cohorts_to": max(bounds["cohorts_end"], default=None),
        "programs": [program.pk for program in programs],
        "merchants": [program.merchant_id for program in programs],
        "zones": [program.time_zone for program in programs],
        "visits": sorted(str(each.value) for each in VISIT_TYPES),
        "targets": [program.stamps_target for program in programs],
        "issuing": sorted(str(each.value) for each in LIFETIME_TYPES),
    }


def _month(day: date, months: int) -> date:
    """The first day of the month so many months after the day's."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _midnight(program: Program, day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=program.zone)
