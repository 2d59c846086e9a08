"""What a member is reminded of, and each attempt to tell them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models import Member
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant
from notifications.models.campaigns import NudgeType
from notifications.models.preferences import Channel


class Nudge(models.Model):
    """One thing that a member may want to act on: made of a signal, gone with it.

    `source_id` is what the signal comes from: a lot, an intent or a redemption by id, or `inactivity:<date>`.
    `payload` is what the member reads, in their language: headline, body, ctaLabel, ctaHref and metadata. What was
    acknowledged or dismissed stays so; a new source makes a new nudge. `campaign_slug`, `channels` and `priority` are
    those of the campaign when it was last looked at.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        ACKNOWLEDGED = "acknowledged", _("Acknowledged")
        DISMISSED = "dismissed", _("Dismissed")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="nudges", verbose_name=_("member"), db_index=False
    )
    nudge_type = models.CharField(_("about"), max_length=24, choices=NudgeType.choices)
    source_id = models.CharField(_("source"), max_length=64)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.ACTIVE)
    campaign_slug = models.CharField(_("campaign"), max_length=64)
    channels = ArrayField(models.CharField(max_length=10, choices=Channel.choices), verbose_name=_("channels"))
    priority = models.PositiveSmallIntegerField(_("priority"))
    payload = models.JSONField(_("text"), default=dict)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"))
    last_triggered_at = models.DateTimeField(_("last triggered"))
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True, blank=True)
    dismissed_at = models.DateTimeField(_("dismissed"), null=True, blank=True)
    last_sent_at = models.DateTimeField(_("last sent"), null=True, blank=True)
    sends = models.PositiveIntegerField(_("messages"), default=0)

    class Meta:
        db_table = "loyalty_nudges"
        ordering = ["-created_at", "-id"]
        verbose_name = _("nudge")
        verbose_name_plural = _("nudges")
        constraints = [
            models.UniqueConstraint(fields=["member", "nudge_type", "source_id"], name="one_nudge_a_signal"),
        ]
        indexes = [
            models.Index(fields=["member", "created_at", "id"], name="nudges_in_time"),
            models.Index(fields=["merchant", "member", "id"], condition=Q(status="active"), name="active_nudges"),
            models.Index(fields=["merchant", "-id"], name="nudges_of_a_merchant"),
            models.Index(fields=["expires_at"], condition=~Q(status="active"), name="nudges_that_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.get_nudge_type_display()} ({self.get_status_display()})"


class NudgeDispatchEvent(models.Model):
    """One attempt to tell a member of a nudge, through one channel."""

    class Outcome(models.TextChoices):
        SENT = "sent", _("Sent")
        DEFERRED = "deferred", _("Tried again later")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Skipped")
        SUPPRESSED = "suppressed", _("Address suppressed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    nudge = models.ForeignKey(
        Nudge, on_delete=models.PROTECT, related_name="dispatch_events", verbose_name=_("nudge"), db_index=False
    )
    message_id = models.UUIDField(_("message"))
    campaign_slug = models.CharField(_("campaign"), max_length=64)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    sent_at = models.DateTimeField(_("tried"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    provider_id = models.CharField(_("provider's id"), max_length=255, blank=True, default="")
    error = models.TextField(_("error"), blank=True, default="")

    class Meta:
        db_table = "loyalty_nudge_dispatch_events"
        ordering = ["-id"]
        verbose_name = _("nudge sent")
        verbose_name_plural = _("nudges sent")
        indexes = [
            models.Index(fields=["nudge", "channel"], name="dispatches_of_a_nudge"),
            models.Index(fields=["merchant", "-id"], name="dispatches_of_a_merchant"),
            models.Index(fields=["sent_at"], name="dispatches_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.get_outcome_display()}"
