"""What ran, when, and with what result; who is there to run it."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant, User


class Run(models.Model):
    """One row a job run. Entries written by a mass job name their run, so that it can be explained and undone."""

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", _("Schedule")
        COMMAND = "command", _("Command")
        ADMIN = "admin", _("Console")

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        PARTIAL = "partial", _("Partial")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    job = models.CharField(_("job"), max_length=100)
    merchant = models.ForeignKey(
        Merchant,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name=_("merchant"),
        help_text=_("Empty: every merchant."),
    )
    trigger = models.CharField(_("started by"), max_length=10, choices=Trigger.choices)
    actor = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
    )
    key = models.CharField(
        _("key"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("A scheduled job's instant: once each."),
    )
    as_of = models.DateTimeField(_("as of"), null=True, blank=True)
    undoes = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="undone_by",
        verbose_name=_("undoes"),
    )
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.RUNNING)
    counts = models.JSONField(_("counts"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True, default="")
    trace_id = models.CharField(_("trace id"), max_length=64, blank=True, default="")
    code_version = models.CharField(_("code version"), max_length=64, blank=True, default="")

    class Meta:
        db_table = "job_runs"
        ordering = ["-started_at", "-id"]
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        indexes = [
            models.Index(fields=["job", "-started_at"], name="runs_of_a_job"),
            models.Index(fields=["job"], condition=Q(status="running"), name="runs_under_way"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["job", "merchant", "key"],
                condition=~Q(key="") & Q(status__in=["running", "succeeded"]),
                nulls_distinct=False,
                name="one_run_a_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.started_at:%Y-%m-%d %H:%M} UTC"


class Worker(models.Model):
    """One row a `run_worker`: the signs of life of its two processes."""

    name = models.CharField(_("name"), max_length=200, primary_key=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    delivery_beat_at = models.DateTimeField(_("delivery loop seen"), null=True, blank=True)
    cluster_beat_at = models.DateTimeField(_("cluster seen"), null=True, blank=True)
    task_ended_at = models.DateTimeField(_("last task ended"), null=True, blank=True)

    class Meta:
        db_table = "job_workers"
        ordering = ["-started_at"]
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name


class QueuedTask(models.Model):
    """What became of one task in django-q2's queue: who took it, and how often it was begun and never ended."""

    queue_id = models.IntegerField(_("queue id"), primary_key=True)
    function = models.CharField(_("function"), max_length=256, blank=True, default="")
    worker = models.CharField(_("worker"), max_length=200)
    process_id = models.IntegerField(_("process"), null=True, blank=True)
    taken_at = models.DateTimeField(_("taken"))
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    unfinished_starts = models.PositiveSmallIntegerField(_("starts without an end"), default=0)

    class Meta:
        db_table = "job_queued_tasks"
        ordering = ["-taken_at"]
        indexes = [models.Index(fields=["worker"], name="tasks_of_a_worker")]
        verbose_name = _("queued task")
        verbose_name_plural = _("queued tasks")

    def __str__(self) -> str:
        return f"{self.function} {self.queue_id}"
