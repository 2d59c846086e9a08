"""Where a merchant wants to hear of events, and what became of each."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class WebhookEndpoint(models.Model):
    """An address of a merchant's that events are posted to, signed (standardwebhooks.com).

    Secrets are kept sealed (`loyalty_site.sealing`); during a rotation the one before signs too. `failing_since` is
    the first failure since the last success. One that has been switched off says when and why.
    """

    class Off(models.TextChoices):
        """Why an endpoint is off."""

        GONE = "gone", _("It answered 410: gone")
        FAILING = "failing", _("Every attempt over three days failed")
        STAFF = "staff", _("Switched off in the console")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="webhook_endpoints", verbose_name=_("merchant")
    )
    label = models.CharField(_("called"), max_length=80, help_text=_("Where it leads, such as “shop” or “CRM”."))
    url = models.TextField(_("address"), help_text=_("Begins with https://."))
    kinds = ArrayField(
        models.CharField(max_length=100),
        verbose_name=_("events"),
        default=list,
        blank=True,
        help_text=_("None chosen: all events, those of later versions too."),
    )
    secret = models.TextField(_("secret"), editable=False)
    previous_secret = models.TextField(_("secret before"), blank=True, default="", editable=False)
    previous_secret_until = models.DateTimeField(_("secret before signs until"), null=True, blank=True, editable=False)
    is_active = models.BooleanField(_("on"), default=True)
    disabled_at = models.DateTimeField(_("off since"), null=True, blank=True, editable=False)
    disabled_reason = models.CharField(
        _("why it is off"), max_length=10, choices=Off.choices, blank=True, default="", editable=False
    )
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True, editable=False)
    last_success_at = models.DateTimeField(_("last success"), null=True, blank=True, editable=False)
    last_attempt_at = models.DateTimeField(_("last attempt"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "webhook_endpoints"
        ordering = ["merchant", "label"]
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        constraints = [
            models.CheckConstraint(
                condition=Q(is_active=True, disabled_at=None, disabled_reason="")
                | Q(is_active=False, disabled_at__isnull=False),
                name="an_endpoint_is_on_or_says_why_not",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class WebhookDelivery(models.Model):
    """One event on its way to one endpoint: `pending` until it is taken or given up.

    `event_id` is the `webhook-id` the receiver sees, the same over all attempts and replays. `attempts` counts, and
    fences: a sender that lost its lease writes nothing. `log` holds a line an attempt.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.CASCADE,
        related_name="deliveries",
        verbose_name=_("endpoint"),
        db_index=False,
    )
    event_id = models.UUIDField(_("webhook-id"))
    # 0: the event itself; above: staff had it sent again.
    replay = models.PositiveSmallIntegerField(_("replay"), default=0, db_default=0)
    kind = models.CharField(_("event"), max_length=100)
    member_id = models.UUIDField(_("member"), null=True, blank=True)
    body = models.TextField(_("body"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    # Not before this moment; while a sender has it, its lease.
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True, blank=True)
    first_attempt_at = models.DateTimeField(_("first attempt"), null=True, blank=True)
    answer_status = models.PositiveSmallIntegerField(_("answer"), null=True, blank=True)
    error = models.TextField(_("error"), blank=True, default="", db_default="")
    log = models.JSONField(_("attempts so far"), default=list, db_default=[])
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)

    class Meta:
        db_table = "webhook_deliveries"
        ordering = ["-id"]
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "event_id", "replay"], name="an_event_once_an_endpoint_and_replay"
            ),
            models.CheckConstraint(
                condition=Q(status="pending", next_attempt_at__isnull=False)
                | (~Q(status="pending") & Q(next_attempt_at=None)),
                name="only_a_pending_delivery_waits",
            ),
        ]
        indexes = [
            # What the sender looks for, endpoint by endpoint.
            models.Index(
                fields=["endpoint", "next_attempt_at"], condition=Q(status="pending"), name="webhooks_waiting"
            ),
            # The log in the console, and what is old enough to go.
            models.Index(fields=["merchant", "-id"], name="webhooks_of_a_merchant"),
            models.Index(fields=["created_at"], name="webhooks_by_age"),
            models.Index(fields=["member_id"], condition=Q(member_id__isnull=False), name="webhooks_of_a_member"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
