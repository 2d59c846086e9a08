"""A page of 50 entries of a member who has 1,000, among millions: against a stock view of DRF, and at any depth."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.bench import ground, people
from tests.bench.table import Row, at_least, at_most

ENTRIES = 1000
PAGE = 50
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# One member has this share of all entries, for pages that lie deep.
DEEP = 0.1

_ENTRIES = """
INSERT INTO loyalty_ledger_entries (id, merchant_id, member_id, number, type, points_delta, points_balance_after,
    stamps_delta, stamps_balance_after, lifetime_delta, order_reference, key, description, metadata,
    occurred_at, created_at)
SELECT gen_random_uuid(), %(merchant)s, (lpad(to_hex(1), 8, '0') || '000070008000' || lpad(to_hex(of), 12, '0'))::uuid,
       number, 'earn', 45, number * 45, 0, 0, 45, 'W-' || number, 'earn:' || of || '-' || number, '',
       '{{"amount": "4.50", "currency": "EUR", "rule": "amount x rate x multiplier", "rate": "10", "multiplier": "1"}}',
       now(), now()
  FROM generate_series({first}, {last}) AS of, generate_series(1, %(entries)s) AS number"""


def rows(*, rounds: int = 5, large: bool = False) -> Iterator[Row]:
    """The rows of the ledger page. To point them at another page: `_ours`."""
    from django.conf import settings

    # The stock view writes the whole address of the next page; and no till asks so often.
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.RATE_LIMIT_STORE = 10**9
    in_all = 10_000_000 if large else 1_000_000
    deepest = int(in_all * DEEP)
    members = (in_all - deepest) // ENTRIES
    with ground.database("pages") as database:
        program = people.make_program("pages")
        with ground.loading(database) as connection:
            people.load(connection, program, 1, people.Crowd(members=members + 1, active_at=LONG_AGO))
            of = {"merchant": program.merchant_id}
            statement = _ENTRIES.format(first=2, last=members + 1)
            connection.execute(statement.encode(), of | {"entries": ENTRIES})
            connection.execute(_ENTRIES.format(first=1, last=1).encode(), of | {"entries": deepest})
        people.settle_down(database)
        ours, theirs = _ours(program, members), _stock(members)
        for call in (ours, theirs):
            call()
        pairs = [(_a_second(ours), _a_second(theirs)) for _ in range(rounds)]
        among = f"{in_all // 1_000_000} million"
        yield at_least(f"GET ledger page of {PAGE} among {among} (stock DRF ModelSerializer view)", pairs, 3)
        some = people.member_id(1, 2 + members // 2)
        yield at_most("the page's SQL, p50", _sql(some, ENTRIES), 0.5, " ms")
        # Interleaved, so that whatever else the machine does falls on both.
        ratios = [_sql(people.member_id(1, 1), PAGE + 1) / _sql(people.member_id(1, 1), deepest) for _ in range(rounds)]
        what = f"the page's SQL at entry {PAGE} against entry {deepest:,}"
        ratio = statistics.median(ratios)
        yield at_most(what, max(ratio, 1 / ratio), 1.25, " x")


def _a_second(call: Callable[[], None], seconds: float = 1.5) -> float:
    done, begin = 0, time.perf_counter()
    while (took := time.perf_counter() - begin) < seconds:
        call()
        done += 1
    return done / took


def _sql(member: UUID, before: int) -> float:
    """Milliseconds of the page's statement and the reading of its rows: the median of 300."""
    from loyalty.queries import ledger_pages

    took = []
    for _ in range(300):
        begin = time.perf_counter()
        found = ledger_pages.page(member, before=before, limit=PAGE)
        took.append(time.perf_counter() - begin)
        if len(found.entries) != PAGE:
            raise SystemExit("The page is not full.")
    return statistics.median(took) * 1000


def _ours(program: Any, members: int) -> Callable[[], None]:
    """The store door's page of some member, key check, limit and all."""
    from django.test import RequestFactory

    from loyalty.api.store.views.transactions import Transactions
    from loyalty_site.http import keys
    from loyalty_site.tenants.models import Store

    store = Store.objects.get(merchant=program.merchant)
    made = keys.make(merchant=program.merchant, store=store, name="till", scopes=["store"], at=datetime.now(UTC))
    view, factory = (
        Transactions.as_view(),
        RequestFactory(headers={"Authorization": f"Api-Key {made[1]}"}, SERVER_NAME="localhost"),
    )
    numbers = _in_turn(members)

    def call() -> None:
        response = view(factory.get("/", {"limit": PAGE}), card_number=str(next(numbers)))
        if response.status_code != 200:
            raise SystemExit(response.content.decode())

    return call


def _stock(members: int) -> Callable[[], None]:
    """The same fields as anybody would write them: a list view, a ModelSerializer, a CursorPagination; no key."""
    from django.test import RequestFactory
    from rest_framework import generics, pagination, serializers
    from rest_framework.renderers import JSONRenderer

    from loyalty.models import LedgerEntry

    class Entry(serializers.ModelSerializer):
        class Meta:
            model = LedgerEntry
            fields = [
                *("id", "number", "type", "points_delta", "points_balance_after", "stamps_delta"),
                *("stamps_balance_after", "requested", "shortfall", "order_reference", "answers_id", "description"),
                *("metadata", "occurred_at"),
            ]

    class Pages(pagination.CursorPagination):
        page_size, ordering = PAGE, "-number"

    class Entries(generics.ListAPIView):
        authentication_classes: list[Any] = []
        permission_classes: list[Any] = []
        serializer_class, pagination_class, renderer_classes = Entry, Pages, [JSONRenderer]

        def get_queryset(self) -> Any:
            member = self.kwargs["card_number"]
            return LedgerEntry.objects.filter(member__card_number=member)

    view, factory = Entries.as_view(), RequestFactory(SERVER_NAME="localhost")
    numbers = _in_turn(members)

    def call() -> None:
        response = view(factory.get("/"), card_number=str(next(numbers))).render()
        if response.status_code != 200 or len(response.data["results"]) != PAGE:
            raise SystemExit(f"The stock view answers otherwise: {response.status_code} {response.data!s:.300}")

    return call


def _in_turn(members: int) -> Iterator[int]:
    while True:
        yield from range(2, members + 2)
