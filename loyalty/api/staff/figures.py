"""Statistics, the health of jobs, and whether the books balance."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.staff import figure_shapes as shape
from loyalty.api.staff.door import TAG, StaffDoor
from loyalty.queries import jobs, reconciliation
from loyalty.queries import stats as figures
from loyalty.queries.books import Books, books
from loyalty.queries.reconciliation import Difference
from loyalty_site.refusals import NotFound
from loyalty_site.tenants.models import Merchant

DAYS = 30
MOST_DIFFERENCES = 1000


class FiguresView(StaffDoor):
    """A view of whoever sees a merchant's figures."""

    sees = "jobs.view_run"
    permissions = {"GET": "jobs.view_run"}

    def chosen(self, slug: str | None) -> list[Merchant]:
        """The merchant named, or all of the user's. Raises `NotFound`."""
        mine = self.seen(Merchant.objects.order_by("slug"), "pk")
        if slug is None:
            return list(mine)
        found = list(mine.filter(slug=slug))
        if not found:
            raise NotFound
        return found


class Stats(FiguresView):
    """GET stats"""

    @extend_schema(
        tags=[TAG],
        operation_id="getStats",
        summary="Enrolments, points, stamps, retention and liability: by day, store and merchant",
        parameters=[shape.StatsQuery],
        responses=shape.StatsOutput,
    )
    def get(self, request: Request) -> Response:
        query: dict[str, Any] = self.queried(shape.StatsQuery)
        first, last = query.get("first"), query.get("last")
        if last is None:
            last = first + timedelta(days=DAYS - 1) if first else timezone.now().date()
        if first is None:
            first = last - timedelta(days=DAYS - 1)
        found = figures.stats(self.chosen(query.get("merchant")), first, last)
        return Response({"first": first.isoformat(), "last": last.isoformat(), **shape.stats(found)})


class Jobs(FiguresView):
    """GET jobs"""

    @extend_schema(
        tags=[TAG],
        operation_id="listJobs",
        summary="Every scheduled job: when it runs, how it last went, and since when it has not gone well",
        responses=shape.JobsOutput,
    )
    def get(self, request: Request) -> Response:
        is_all_seen = self.merchants() is None
        health = jobs.health(timezone.now())
        return Response({"jobs": [shape.job(each, is_all_seen=is_all_seen) for each in health]})


class Reconciliation(FiguresView):
    """GET reconciliation"""

    @extend_schema(
        tags=[TAG],
        operation_id="getReconciliation",
        summary="Whether balances, lots and holds agree with the ledger, and every difference by member",
        parameters=[shape.MerchantQuery],
        responses=shape.ReconciliationOutput,
    )
    def get(self, request: Request) -> Response:
        query: dict[str, Any] = self.queried(shape.MerchantQuery)
        merchants = self.chosen(query.get("merchant"))
        differences = reconciliation.differences_of(merchants, most=MOST_DIFFERENCES + 1)
        sums = books(merchants)
        checked = [_checked(merchant, differences[merchant.pk], sums[merchant.pk]) for merchant in merchants]
        return Response({"is_balanced": all(each["is_balanced"] for each in checked), "merchants": checked})


def _checked(merchant: Merchant, found: list[Difference], sums: Books) -> dict[str, Any]:
    return {
        "merchant": merchant.slug,
        "is_balanced": not found,
        **asdict(sums),
        "differences": [each.as_dict() | {"member_id": str(each.member_id)} for each in found[:MOST_DIFFERENCES]],
        "is_complete": len(found) <= MOST_DIFFERENCES,
    }
