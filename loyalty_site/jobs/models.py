"""What ran, when, and with what result."""

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
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("user")
    )
    key = models.CharField(
        _("key"), max_length=100, blank=True, default="", help_text=_("A scheduled job's instant: once each.")
    )
    as_of = models.DateTimeField(_("as of"), null=True, blank=True)
    undoes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="undone_by", verbose_name=_("undoes")
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
        indexes = [models.Index(fields=["job", "-started_at"], name="runs_of_a_job")]
        constraints = [
            models.UniqueConstraint(
                fields=["job", "key"],
                condition=~Q(key="") & Q(status__in=["running", "succeeded"]),
                name="one_run_a_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.started_at:%Y-%m-%d %H:%M} UTC"
