"""Expiry: what a run would do, doing it, and undoing it."""

from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Subquery, Sum
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty import background
from loyalty.api.staff import run_shapes as shape
from loyalty.api.staff.door import TAG, StaffDoor, WhichMerchant
from loyalty.api.staff.pages import page_of, page_schema
from loyalty.models import LedgerEntry, Program
from loyalty.operations import expiration
from loyalty.operations.points import ProgramInactive
from loyalty_site.http.fields import moment
from loyalty_site.http.views import Answer
from loyalty_site.jobs.models import Run
from loyalty_site.refusals import NotFound
from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant

_EXAMPLE = OpenApiExample("cafe", value={"merchant": "cafe", "asOf": "2026-03-01T02:00:00Z"}, request_only=True)


class RunView(StaffDoor):
    """A view about runs: a merchant's own, and the scheduled ones, which work for every merchant."""

    sees = "jobs.view_run"
    permissions = {"GET": "jobs.view_run", "POST": "jobs.add_run"}

    def rows(self) -> QuerySet[Run]:
        """The runs that are there for the user."""
        rows = Run.objects.select_related("merchant")
        ids = self.merchants()
        if ids is None:
            return rows
        return rows.filter(Q(merchant_id__in=ids) | Q(merchant=None, job__in=background.SHARED))

    def shape(self, run: Run) -> dict[str, Any]:
        return shape.run(run, is_all_seen=self.merchants() is None)

    def run(self, run_id: UUID) -> Run:
        run = self.rows().filter(pk=run_id).first()
        if run is None:
            raise NotFound
        return run


class PreviewExpiry(RunView):
    """POST expiry/preview"""

    permissions = {"POST": "jobs.view_run"}

    @extend_schema(
        tags=[TAG],
        operation_id="previewExpiry",
        summary="What an expiry run would take, by tier, and whom it would warn; changes nothing",
        request=shape.ExpiryInput,
        responses=shape.ExpiryPreviewOutput,
        examples=[_EXAMPLE],
    )
    def post(self, request: Request) -> HttpResponse:
        asked: dict[str, Any] = self.validated(shape.ExpiryInput)
        as_of = asked.get("as_of") or timezone.now()

        def preview() -> Answer:
            merchant = self.merchant_named(asked["merchant"])
            program = Program.objects.filter(merchant=merchant, is_active=True).first()
            if program is None:
                raise ProgramInactive
            ahead = expiration.preview(program, as_of).as_dict()
            ahead.pop("at")
            return Answer({"merchant": merchant.slug, "as_of": moment(as_of), **ahead})

        return self.change(preview)


class RunExpiry(RunView):
    """POST expiry/run"""

    @extend_schema(
        tags=[TAG],
        operation_id="runExpiry",
        summary="Expire points that are due and warn of those that soon will be; a worker does it",
        request=shape.ExpiryInput,
        responses={202: shape.RunOutput},
        examples=[_EXAMPLE],
    )
    def post(self, request: Request) -> HttpResponse:
        asked: dict[str, Any] = self.validated(shape.ExpiryInput)
        at = timezone.now()

        def ask() -> Answer:
            merchant = self.merchant_named(asked["merchant"])
            as_of = asked.get("as_of") or at
            run = background.ask_for_expiry(merchant=merchant, actor=self.user, as_of=as_of, at=at)
            return Answer(self.shape(run), 202)

        return self.change(ask)


class Runs(RunView):
    """GET runs"""

    @extend_schema(
        tags=[TAG],
        operation_id="listRuns",
        summary="List runs, newest first",
        parameters=[shape.RunsQuery],
        responses=page_schema("runs", shape.RunOutput),
    )
    def get(self, request: Request) -> Response:
        query = self.queried(shape.RunsQuery)
        rows = self.rows()
        if query.get("merchant"):
            rows = rows.filter(merchant__slug=query["merchant"])
        if query.get("jobs"):
            rows = rows.filter(job__in=query["jobs"])
        if query.get("statuses"):
            rows = rows.filter(status__in=query["statuses"])
        return Response(page_of(rows, by=("started_at", "pk"), query=query, name="runs", about=None, shape=self.shape))


class OneRun(RunView):
    """GET runs/{id}"""

    @extend_schema(
        tags=[TAG],
        operation_id="getRun",
        summary="A run, what it moved, and the runs that undid it",
        responses=shape.RunDetailOutput,
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        run = self.run(run_id)
        ids = self.merchants()
        entries = LedgerEntry.objects.filter(run_id=run.pk)
        undoings = Run.objects.filter(undoes=run).order_by("started_at", "pk")
        if ids is not None:
            entries = entries.filter(merchant_id__in=ids)
            undoings = undoings.filter(merchant_id__in=ids)
        sums = entries.aggregate(
            entries=Count("pk"),
            members=Count("member_id", distinct=True),
            given=Sum("points_delta", filter=Q(points_delta__gt=0)),
            taken=Sum("points_delta", filter=Q(points_delta__lt=0)),
        )
        moved = {
            "entries": sums["entries"],
            "members": sums["members"],
            "points_given": int(sums["given"] or 0),
            "points_taken": -int(sums["taken"] or 0),
        }
        undone_by = [str(pk) for pk in undoings.values_list("pk", flat=True)]
        return Response({**self.shape(run), "moved": moved, "undone_by": undone_by})


class UndoRun(RunView):
    """POST runs/{id}/undo"""

    permissions = {"POST": "jobs.change_run"}

    @extend_schema(
        tags=[TAG],
        operation_id="undoRun",
        summary="Answer every entry of a run with one that undoes it; a worker does it",
        request=shape.UndoInput,
        responses={202: shape.RunOutput},
        examples=[OpenApiExample("at one merchant", value={"merchant": "cafe"}, request_only=True)],
    )
    def post(self, request: Request, run_id: UUID) -> HttpResponse:
        asked: dict[str, Any] = self.validated(shape.UndoInput)

        def ask() -> Answer:
            run, named = self._run_and_merchant(run_id, asked.get("merchant"))
            merchant = self._where(run, named)
            undo = background.ask_for_undo(run=run, merchant=merchant, actor=self.user)
            return Answer(self.shape(undo), 202)

        return self.change(ask)

    def _run_and_merchant(self, run_id: UUID, slug: str | None) -> tuple[Run, Merchant | None]:
        """The run, and the merchant with the slug where one is given, in one query. Raises `NotFound`."""
        if slug is None:
            return self.run(run_id), None
        named = self.seen(Merchant.objects.filter(slug=slug), "pk")
        run = self.rows().filter(pk=run_id).annotate(named_id=Subquery(named.values("pk")[:1])).first()
        merchant_id: UUID | None = getattr(run, "named_id", None)
        if run is None or merchant_id is None:
            raise NotFound
        return run, Merchant(id=merchant_id, slug=slug)

    def _where(self, run: Run, named: Merchant | None) -> Merchant | None:
        """The merchant at which the run is undone; None is every one. Raises `NotFound`, `WhichMerchant`."""
        if named is not None:
            self.demand(named.pk)
            if run.merchant_id not in (None, named.pk):
                raise NotFound
            return named
        if run.merchant is not None:
            self.demand(run.merchant_id)
            return run.merchant
        if permissions.is_platform(self.user):
            return None
        mine = self.merchants("jobs.change_run") or []
        if not mine:
            raise exceptions.PermissionDenied("Your role does not allow this.", "wrong_role")
        if len(set(mine)) > 1:
            raise WhichMerchant
        return Merchant.objects.get(pk=mine[0])
