"""News on its way."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id


class OutboxEvent(models.Model):
    """One piece of news, written in the transaction of the change it tells of.

    The relay claims it (`claimed_until`, `attempts`), hands it to each subscriber and marks it done; an event that
    keeps failing is parked, alone, with its error.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        DONE = "done", _("Done")
        PARKED = "parked", _("Parked")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(_("kind"), max_length=100)
    merchant_id = models.UUIDField(_("merchant"), null=True, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    backfill = models.BooleanField(
        _("backfill"), default=False, help_text=_("Tells of the past: an import or a replay.")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PENDING
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claimed_until = models.DateTimeField(_("claimed until"), null=True, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True, default="")

    class Meta:
        db_table = "outbox_events"
        indexes = [
            models.Index(fields=["id"], condition=Q(status="pending"), name="outbox_pending"),
            models.Index(fields=["done_at"], condition=Q(status="done"), name="outbox_done"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
