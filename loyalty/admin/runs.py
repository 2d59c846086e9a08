"""Runs, with the entries they wrote, and their undoing."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _

from loyalty import background
from loyalty.admin import mass, run_reading
from loyalty.admin.undo_pages import undo_page
from loyalty_site.jobs.admin import RunAdmin, counts_table
from loyalty_site.jobs.models import Run
from loyalty_site.tenants import permissions

admin.site.unregister(Run)


@admin.register(Run)
class LoyaltyRunAdmin(RunAdmin):
    """Runs, as far as they moved points of the user's merchants."""

    shared_jobs = background.SHARED
    change_form_template = "admin/jobs/run/page.html"

    def get_urls(self) -> list[Any]:
        return [
            path(
                "started/<str:merchant>/<slug:key>/",
                self.admin_site.admin_view(self.started_view),
                name="jobs_run_started",
            ),
            path("<path:object_id>/undo/", self.admin_site.admin_view(self.undo_view), name="jobs_run_undo"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        context: dict[str, Any] = {"show_save": False, "show_save_and_continue": False}
        if run is not None and self.has_view_permission(request, run):
            seen = seen_merchants(request)
            figures = run_reading.figures(run, seen)
            context |= {
                "moved": figures.as_table(),
                "moved_table": counts_table(figures.as_table()),
                "entries": run_reading.entries(run, seen),
                "undoings": run_reading.undoings(run, seen),
                "may_undo": bool(figures.entries)
                and run.job != mass.UNDO
                and run.status != Run.Status.RUNNING
                and may_undo(request, run),
                "is_running": run.status == Run.Status.RUNNING,
            }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def undo_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self.get_object(request, object_id)
        if run is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not may_undo(request, run):
            raise PermissionDenied
        return undo_page(self, request, run)

    def started_view(self, request: HttpRequest, merchant: str, key: str) -> HttpResponse:
        """Where a run just asked for is to be seen: its page, or one that waits until a worker has begun it."""
        merchant_id = _uuid(merchant)
        if merchant != "all" and merchant_id is None:
            raise Http404
        allowed = permissions.is_platform(request.user) or (
            merchant_id is not None and permissions.may(request.user, "jobs.view_run", merchant_id)
        )
        if not allowed:
            raise Http404
        run = self.get_queryset(request).filter(merchant_id=merchant_id, key=key).first()
        if run is not None:
            return HttpResponseRedirect(reverse("admin:jobs_run_change", args=[run.pk]))
        return TemplateResponse(
            request,
            "admin/jobs/run/waiting.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Waiting for a worker"),
                "opts": self.opts,
                "media": self.media,
            },
        )


def seen_merchants(request: HttpRequest) -> list[UUID] | None:
    """Of which merchants the user sees what a run did; None is every one."""
    if permissions.is_platform(request.user):
        return None
    return permissions.merchants_where(request.user, "jobs.view_run")


def may_undo(request: HttpRequest, run: Run) -> bool:
    """Whoever manages the run's merchant; of a run for all, each merchant's managers undo their own part."""
    if run.merchant_id is not None:
        return permissions.may(request.user, "jobs.change_run", run.merchant_id)
    return permissions.holds_anywhere(request.user, "jobs.change_run")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
