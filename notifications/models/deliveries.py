"""What was handed to providers, what they said of it, and the addresses that are not written to any more."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Customer, Merchant, User
from notifications.models.messages import MAX_ADDRESS, Message
from notifications.models.preferences import Channel


class Delivery(models.Model):
    """One attempt of one message on one channel: the log of what left the house.

    `is_uncertain`: the attempt before this one never reported, since its worker ended; the recipient may have got
    the message twice.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued by the provider")
        SENT = "sent", _("Sent")
        DELIVERED = "delivered", _("Delivered")
        OPENED = "opened", _("Opened")
        CLICKED = "clicked", _("Clicked")
        DEFERRED = "deferred", _("Tried again later")
        BOUNCED = "bounced", _("Bounced")
        COMPLAINED = "complained", _("Reported as spam")
        FAILED = "failed", _("Failed")
        SUPPRESSED = "suppressed", _("Address suppressed")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("message"))
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("customer"),
        db_index=False,
    )
    code = models.CharField(_("template"), max_length=60)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    locale = models.CharField(_("language"), max_length=10, blank=True, default="")
    recipient = models.CharField(_("recipient"), max_length=MAX_ADDRESS, blank=True, default="")
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    is_uncertain = models.BooleanField(
        _("perhaps twice"),
        default=False,
        help_text=_("The attempt before it never reported: the recipient may have got the message twice."),
    )
    provider_id = models.CharField(_("provider's id"), max_length=255, blank=True, default="")
    error = models.TextField(_("error"), blank=True, default="")
    created_at = models.DateTimeField(_("sent"), default=timezone.now, editable=False)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True, editable=False)
    opened_at = models.DateTimeField(_("opened"), null=True, blank=True, editable=False)
    clicked_at = models.DateTimeField(_("clicked"), null=True, blank=True, editable=False)
    bounced_at = models.DateTimeField(_("bounced"), null=True, blank=True, editable=False)
    complained_at = models.DateTimeField(_("reported as spam"), null=True, blank=True, editable=False)

    class Meta:
        db_table = "loyalty_message_deliveries"
        ordering = ["-id"]
        verbose_name = _("delivery")
        verbose_name_plural = _("email log")
        indexes = [
            models.Index(fields=["merchant", "-id"], name="deliveries_of_a_merchant"),
            models.Index("merchant", Lower("recipient"), name="deliveries_to_an_address"),
            models.Index(fields=["customer"], condition=Q(customer__isnull=False), name="deliveries_of_a_customer"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="deliveries_by_provider_id"),
        ]

    def __str__(self) -> str:
        # Without the recipient: Django's record of what staff did repeats it.
        return self.code


class EarlyReport(models.Model):
    """What a provider reported of a delivery before the sender had written it down; there for seconds.

    `key` is our own id of the delivery where the provider hands it back, else the provider's. Whose it is nobody knows
    yet: it may be of another installation with the same provider.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.CharField(max_length=255)
    status = models.CharField(max_length=10, choices=Delivery.Status.choices)
    at = models.DateTimeField()
    said = models.CharField(max_length=300, blank=True, default="")
    is_hard = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "loyalty_message_early_reports"
        indexes = [models.Index(fields=["key"], name="early_reports_by_key")]

    def __str__(self) -> str:
        return self.status


class Suppression(models.Model):
    """An address that a merchant's messages do not go to any more, until a manager lifts it."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced", _("The address does not exist")
        COMPLAINED = "complained", _("Reported as spam")
        REFUSED = "refused", _("The provider refuses it")
        ASKED = "asked", _("Asked for by its owner")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    # Lower case where the channel does not tell cases apart.
    address = models.CharField(_("address"), max_length=MAX_ADDRESS)
    reason = models.CharField(_("reason"), max_length=15, choices=Reason.choices)
    detail = models.TextField(_("what the provider said"), blank=True, default="")
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True, editable=False)
    lifted_by = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("lifted by"),
        editable=False,
        db_index=False,
    )
    lifted_because = models.CharField(_("lifted because"), max_length=500, blank=True, default="", editable=False)

    class Meta:
        db_table = "loyalty_message_suppressions"
        ordering = ["-id"]
        verbose_name = _("suppressed address")
        verbose_name_plural = _("suppressed addresses")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "channel", "address"],
                condition=Q(lifted_at=None),
                name="one_suppression_an_address",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "address"], name="suppressions_of_an_address")]

    def __str__(self) -> str:
        # Without the address: Django's record of what staff did repeats it.
        return f"{self.get_channel_display()}, {self.get_reason_display()}"


class Withdrawal(models.Model):
    """That somebody took back their consent to marketing messages, and when: by the link in one, or in preferences.

    The consent itself is a field of the customer's; the time it was given stays there beside this.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", verbose_name=_("customer"))
    message = models.ForeignKey(
        Message,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("message"),
    )
    source = models.CharField(_("source"), max_length=40)
    at = models.DateTimeField(_("time"))

    class Meta:
        db_table = "loyalty_message_withdrawals"
        ordering = ["-id"]
        verbose_name = _("withdrawn consent")
        verbose_name_plural = _("withdrawn consents")

    def __str__(self) -> str:
        return self.source


class Circuit(models.Model):
    """A channel whose provider did not answer: until `open_until` nothing is handed to it, then one message is.

    A row of the whole platform: providers are the platform's. Without a row, or with no failures, all is well.
    """

    channel = models.CharField(_("channel"), max_length=10, primary_key=True, choices=Channel.choices)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    open_until = models.DateTimeField(_("closed for messages until"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True, default="")
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)

    class Meta:
        db_table = "loyalty_message_circuits"
        verbose_name = _("channel's circuit")
        verbose_name_plural = _("channels' circuits")

    def __str__(self) -> str:
        return self.channel
