"""What ran, and who is there to run it. Written by the house, looked at here."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django_q import admin as queue_admin
from django_q.models import Failure, OrmQ, Schedule, Success
from unfold.decorators import display

from loyalty_site.jobs.models import QueuedTask, Run, Worker
from loyalty_site.tenants import permissions
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin, PlatformAdmin, ReadOnly

_COLOURS: dict[str, str] = {
    Run.Status.RUNNING: "info",
    Run.Status.SUCCEEDED: "success",
    Run.Status.FAILED: "danger",
    Run.Status.PARTIAL: "warning",
}


class RunAdmin(ReadOnly, MerchantScopedAdmin):
    """Runs of a merchant's own, and those of `shared_jobs`, which work for every merchant at once.

    Of a shared run a merchant's staff see that it was, and their own figures; what it counted in all, and what went
    wrong elsewhere, is the platform's to see.
    """

    merchant_path = "merchant_id"
    shared_jobs: tuple[str, ...] = ()

    list_display = ["shown_job", "started_at", "shown_status", "shown_counts", "trigger", "merchant", "undoes"]
    list_filter = ["status", "trigger", "merchant"]
    list_select_related = ["merchant", "actor", "undoes"]
    search_fields = ["job", "=id"]
    ordering = ["-started_at", "-id"]
    fields = [
        "shown_job",
        "shown_status",
        "merchant",
        "trigger",
        "actor",
        "as_of",
        "started_at",
        "finished_at",
        "undoes",
        "counts_table",
        "shown_error",
        "code_version",
    ]
    readonly_fields = fields
    shown_if = {
        "merchant": "merchant_id",
        "actor": "actor_id",
        "as_of": "as_of",
        "finished_at": "finished_at",
        "undoes": "undoes_id",
        "shown_error": "error",
        "code_version": "code_version",
    }

    def rows(self, user: Any, *needed: str) -> QuerySet[Any]:
        own = super().rows(user, *needed)
        if permissions.is_platform(user) or not self._works_somewhere(user, needed):
            return own
        return Run.objects.filter(Q(pk__in=own.values("pk")) | Q(merchant=None, job__in=self.shared_jobs))

    def _works_somewhere(self, user: Any, needed: tuple[str, ...]) -> bool:
        return any(
            role.merchant_id and all(permissions.holds(role, each) for each in needed)
            for role in permissions.staff_roles(user)
        )

    def holds(self, request: HttpRequest, permission: str, row: Any = None) -> bool:
        if isinstance(row, Run) and row.merchant_id is None and row.job in self.shared_jobs:
            row = None
        return super().holds(request, permission, row)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # Lists and pages ask whose run it is to say what it counted.
        self_queryset: QuerySet[Any] = super().get_queryset(request)
        return self_queryset.select_related("merchant", "undoes")

    def is_all_seen(self, request: HttpRequest, run: Run) -> bool:
        """Whether the run's own figures are for this user: those of a shared run are every merchant's together."""
        return run.merchant_id is not None or permissions.is_platform(request.user)

    @display(description=_("job"), ordering="job")
    def shown_job(self, run: Run) -> str:
        return run.job.rpartition(".")[2].replace("_", " ").capitalize()

    @display(description=_("status"), ordering="status")
    def shown_status(self, run: Run) -> str:
        return pill(run.get_status_display(), _COLOURS.get(run.status))

    @display(description=_("counts"))
    def shown_counts(self, run: Run) -> str:
        if run.merchant_id is None:
            return str(_("see the run"))
        return ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in _figures(run.counts) if value) or "-"

    @display(description=_("counts"))
    def counts_table(self, run: Run) -> str:
        return counts_table(_figures(run.counts))

    @display(description=_("error"))
    def shown_error(self, run: Run) -> str:
        return format_html('<pre class="console-error">{}</pre>', run.error) if run.error else ""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        hidden = () if obj is None or self.is_all_seen(request, obj) else ("counts_table", "shown_error", "actor")
        return [name for name in super().get_fields(request, obj) if name not in hidden]


def _figures(counts: Any) -> list[tuple[str, int]]:
    return [(name, value) for name, value in (counts or {}).items() if isinstance(value, int)]


def counts_table(figures: list[tuple[str, int]]) -> str:
    """Names and numbers, side by side."""
    if not figures:
        return "-"
    rows = format_html_join(
        "", "<div><dt>{}</dt><dd>{}</dd></div>", ((name.replace("_", " "), f"{value:,}") for name, value in figures)
    )
    return format_html('<dl class="console-figures">{}</dl>', rows)


admin.site.register(Run, RunAdmin)


@admin.register(Worker)
class WorkerAdmin(ReadOnly, PlatformAdmin):
    list_display = ["name", "started_at", "delivery_beat_at", "cluster_beat_at", "task_ended_at"]
    search_fields = ["name"]
    ordering = ["-started_at", "name"]


@admin.register(QueuedTask)
class QueuedTaskAdmin(ReadOnly, PlatformAdmin):
    list_display = ["queue_id", "function", "worker", "taken_at", "finished_at", "unfinished_starts"]
    search_fields = ["function", "worker"]
    ordering = ["-taken_at", "-queue_id"]


# django-q2 brings classes of its own: open to whoever has a Django permission, and able to write what comes from code.
for model in (Schedule, Success, Failure, OrmQ):
    queue_admin.admin.site.unregister(model)


@admin.register(Schedule)
class ScheduleAdmin(ReadOnly, PlatformAdmin):
    """When jobs are due. Schedules come from code (`manage.py sync_schedules`), never from here."""

    list_display = ["name", "func", "cron", "next_run"]
    search_fields = ["name", "func"]
    ordering = ["name", "id"]
    fields = ["name", "func", "cron", "schedule_type", "next_run", "cluster"]


@admin.register(Failure)
class FailureAdmin(ReadOnly, PlatformAdmin):
    """Tasks that failed, and those that ended their worker too often and are parked: given up, with the reason.

    Looked at, not started again: docs/runbooks/outbox-and-worker.md says how that is done.
    """

    list_display = ["func", "shown_error", "attempt_count", "started", "stopped"]
    list_filter = ["func"]
    search_fields = ["=id", "func", "name"]
    ordering = ["-stopped", "id"]
    fields = ["id", "name", "func", "shown_arguments", "group", "attempt_count", "started", "stopped", "shown_result"]
    readonly_fields = fields

    @display(description=_("error"))
    def shown_error(self, task: Failure) -> str:
        # The last line of a traceback is what was raised.
        return str(task.result or "").strip().rpartition("\n")[2][:200] or "-"

    @display(description=_("arguments"))
    def shown_arguments(self, task: Failure) -> str:
        return str(task.args)[:500]

    @display(description=_("error"))
    def shown_result(self, task: Failure) -> str:
        return format_html('<pre class="console-error">{}</pre>', task.result or "")
