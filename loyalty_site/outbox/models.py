"""News on its way."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id


class OutboxEvent(models.Model):
    """One piece of news, written in the transaction of the change it tells of.

    The relay claims it (`attempts`, `available_at`), hands it to each subscriber (`delivered_to`) and marks it
    done; an event that keeps failing is parked, alone, with its error.
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
    created_at = models.DateTimeField(_("created"), db_default=Now())
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, db_default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), db_default=0)
    available_at = models.DateTimeField(
        _("next attempt"),
        null=True,
        blank=True,
        help_text=_("Not before this time: a relay has it now, or its last attempt failed."),
    )
    delivered_to = ArrayField(models.TextField(), verbose_name=_("delivered to"), db_default=[], blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True, db_default="")

    class Meta:
        db_table = "outbox_events"
        ordering = ["-id"]
        verbose_name = _("event")
        verbose_name_plural = _("events")
        # Fresh events and those tried before stand in two queues: see relaying.py.
        indexes = [
            models.Index(fields=["id"], condition=Q(status="pending", attempts=0), name="outbox_fresh"),
            models.Index(
                fields=["available_at"],
                condition=Q(status="pending", attempts__gt=0),
                name="outbox_tried",
            ),
            models.Index(fields=["id"], condition=Q(status="parked"), name="outbox_parked"),
            models.Index(fields=["done_at"], condition=Q(status="done"), name="outbox_done"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
