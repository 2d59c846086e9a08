"""The night's analytics snapshot: one great merchant among many small ones, a year of entries behind them."""

import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench import ground, people
from tests.bench.table import Row, at_most
from tests.bench.worker import workers

AT = datetime(2026, 6, 30, 3, 0, tzinfo=UTC)
ENTRIES = 10
SMALL_MERCHANTS = 40

# Each member once a tenth of the year, in an order of its own each time: as time wrote them, not member by member.
_ENTRIES = """
INSERT INTO loyalty_ledger_entries (id, merchant_id, member_id, number, type, points_delta, points_balance_after,
    stamps_delta, stamps_balance_after, lifetime_delta, order_reference, description, metadata, occurred_at, created_at)
SELECT (lpad(to_hex(%(number)s::integer), 8, '0') || '00007000' || '9000' || lpad(to_hex(m.place), 12, '0'))::uuid,
       m.merchant_id, m.id, %(number)s,
       (ARRAY['earn', 'earn', 'earn', 'earn', 'stamp_earned', 'redeem', 'points_expired', 'refund', 'tier_bonus',
              'earn'])[1 + abs(hashtext(m.id::text || %(number)s::text)) %% 10],
       5, 100, 0, 0, 0, '', '', '{}', m.at, m.at
  FROM (SELECT id, merchant_id, place,
               %(from)s::timestamptz + %(length)s::interval * (place::float8 / %(members)s) AS at
          FROM (SELECT id, merchant_id, row_number() OVER (ORDER BY hashtext(id::text || %(number)s::text)) AS place
                  FROM loyalty_members) placed) m
 ORDER BY m.place"""

_INVITES = """
INSERT INTO loyalty_referral_invites (id, merchant_id, referrer_id, code, is_standing, invitee_email, invitee_id,
    status, reward_state, reward_points, invitee_points, order_reference, signals, risk_score, reason, metadata,
    created_at, updated_at, completed_at, expires_at)
SELECT gen_random_uuid(), merchant_id, id, 'R' || lpad(number::text, 7, '0'), false, '', NULL, 'sent', 'none', 500, 0,
       '', '[]', 0, '', '{}', at, at, NULL, at + interval '30 days'
  FROM (SELECT id, merchant_id, row_number() OVER (ORDER BY id) AS number,
               %(at)s - random() * interval '365 days' AS at
          FROM loyalty_members) m
 WHERE number %% 20 = 0"""


# --- In a worker ----------------------------------------------------------------------------------------------
def capture(*, slug: str, at: str) -> dict[str, Any]:
    """The snapshot of the merchant named, or of all: its counts, seconds and peak of memory."""
    from loyalty_site.tenants.models import Merchant
    from referrals import snapshots

    merchants = Merchant.objects.filter(slug=slug) if slug else Merchant.objects.all()
    begin = time.perf_counter()
    counts = snapshots.capture(merchants=merchants.order_by("pk"), at=datetime.fromisoformat(at))
    return {
        "seconds": time.perf_counter() - begin,
        "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        **counts,
    }


def figures(*, slug: str, at: str) -> dict[str, Any]:
    """What the night counts for the pages of a great merchant, and those pages' figures afterwards: seconds of each."""
    from loyalty_site.console import analytics, business
    from loyalty_site.tenants.models import Merchant
    from referrals import snapshots

    merchant, moment = Merchant.objects.get(slug=slug), datetime.fromisoformat(at)
    first, last = moment.date() - timedelta(days=29), moment.date()
    begin = time.perf_counter()
    counts = snapshots.count_figures(at=moment)
    counted = time.perf_counter()
    shown = analytics.figures(merchant=merchant, store=None, first=first, last=last, at=moment)
    paged = time.perf_counter()
    told = business.figures([merchant], at=moment)[merchant.pk]
    if shown["stored"] is None or told.stored is None or counts["merchants"] != 1:
        raise SystemExit("the pages of the great merchant were not those of the night")
    return {
        "seconds": counted - begin,
        "page": max(paged - counted, time.perf_counter() - paged),
        "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def stored() -> dict[str, Any]:
    """How many snapshots there are, and what they add up to."""
    from django.db.models import Sum

    from referrals.models import AnalyticsSnapshot

    sums = AnalyticsSnapshot.objects.aggregate(
        members=Sum("members"), invites=Sum("invites"), points=Sum("points_earned")
    )
    return {"rows": AnalyticsSnapshot.objects.count(), **{name: int(value) for name, value in sums.items()}}


# --- In the bench ---------------------------------------------------------------------------------------------
def rows(*, large: bool = False) -> Iterator[Row]:
    """The rows of the snapshot: a million members and ten million entries, or a tenth of that."""
    members = 1_000_000 if large else 100_000
    small = members * 4 // 10 // SMALL_MERCHANTS
    with ground.database("snapshot") as database:
        _crowd(database, members, small)
        people.settle_down(database)
        with workers(1) as [worker]:
            few = worker.call("snapshot", "capture", slug="small-0", at=AT.isoformat())
            first = worker.call("snapshot", "capture", slug="", at=AT.isoformat())
            again = worker.call("snapshot", "capture", slug="", at=AT.isoformat())
            kept = worker.call("snapshot", "stored")
            pages = worker.call("snapshot", "figures", slug="great", at=AT.isoformat())
        wanted = _counted(database)
    merchants = SMALL_MERCHANTS + 1
    if (first["members"], kept["rows"]) != (members, merchants) or {**kept, "rows": None} != {**wanted, "rows": None}:
        raise SystemExit(f"snapshots of {first['members']} members say {kept}, a plain count {wanted}")
    what = f"snapshot of {members:,} members, {members * ENTRIES:,} entries, {merchants} merchants"
    seconds = max(first["seconds"], again["seconds"])
    shown = f"{first['seconds']:.1f} s, again {again['seconds']:.1f} s"
    yield at_most(what, seconds, 60 if large else 6, " s", shown=shown)
    more = (again["peak_kb"] - few["peak_kb"]) / 1024
    yield at_most(f"memory of it above a merchant of {small:,}", more, 5, " MB")
    great = f"a merchant of {members - small * SMALL_MERCHANTS:,} members"
    shown = f"counted at night in {pages['seconds']:.1f} s, shown in {pages['page']:.2f} s"
    yield at_most(f"overview and analytics page of {great}", pages["page"], 2, " s", shown=shown)
    yield at_most("memory of counting them", (pages["peak_kb"] - again["peak_kb"]) / 1024, 5, " MB")


def _crowd(database: str, members: int, small: int) -> None:
    crowds = [("great", members - small * SMALL_MERCHANTS), *((f"small-{n}", small) for n in range(SMALL_MERCHANTS))]
    programs = [(people.make_program(slug), count) for slug, count in crowds]
    length = timedelta(days=365) / ENTRIES
    with ground.loading(database) as connection:
        for prefix, (program, count) in enumerate(programs, start=1):
            people.load(connection, program, prefix, people.Crowd(members=count, active_at=AT - timedelta(days=365)))
        for number in range(ENTRIES):
            begin = AT - timedelta(days=365) + number * length
            connection.execute(_ENTRIES, {"number": number + 1, "from": begin, "length": length, "members": members})
        connection.execute(_INVITES, {"at": AT})


def _counted(database: str) -> dict[str, Any]:
    """The totals by the plainest statements there are."""
    with ground.superuser(database) as connection:
        since = AT - timedelta(days=30)
        [(members,)] = connection.execute("SELECT count(*) FROM loyalty_members").fetchall()
        [(invites,)] = connection.execute(
            "SELECT count(*) FROM loyalty_referral_invites WHERE created_at > %s AND created_at <= %s", [since, AT]
        ).fetchall()
        [(points,)] = connection.execute(
            "SELECT sum(points_delta)::bigint FROM loyalty_ledger_entries "
            "WHERE type = 'earn' AND occurred_at > %s AND occurred_at <= %s",
            [since, AT],
        ).fetchall()
    return {"members": members, "invites": invites, "points": points}
