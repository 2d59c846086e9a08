"""What is to be told to somebody, and what became of it."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.models import Member
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Customer, Merchant, Store
from notifications.models.preferences import Channel

# An e-mail address has at most 254 characters, a device's token 512, a browser's subscription as JSON some 600.
MAX_ADDRESS = 2000


class Kind(models.TextChoices):
    """Why it is sent: to keep a promise to the member, or to win them, for which they must have agreed."""

    TRANSACTIONAL = "transactional", _("Transactional")
    MARKETING = "marketing", _("Marketing")


class Message(models.Model):
    """One thing to tell one person once: written where it happened, composed and sent later by the sender.

    To a customer, or to the `recipient` of an invitation, who is none; its `member` is then who invites.

    It holds ids and plain facts; who the person is, and in which language, is read when it is composed. `key` is the
    event, the template and the recipient: a second one with the same key is not written. `channels` are those still to
    be tried, the first being tried now; `attempts` counts on that one.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        HELD = "held", _("Held until quiet hours end")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        SKIPPED = "skipped", _("Skipped")
        SUPPRESSED = "suppressed", _("Address suppressed")

    # What the sender still has to look at.
    WAITING = (Status.QUEUED, Status.HELD, Status.SENDING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    # Without look-ups of their own: events name members and stores that exist, and every look-up costs the insert.
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("member"),
        db_index=False,
        db_constraint=False,
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("customer"),
        db_index=False,
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("store"),
        db_index=False,
        db_constraint=False,
    )
    nudge_id = models.UUIDField(_("nudge"), null=True, blank=True)
    code = models.CharField(_("template"), max_length=60)
    key = models.CharField(_("key"), max_length=200)
    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    channels = ArrayField(
        models.CharField(max_length=10, choices=Channel.choices), verbose_name=_("channels still to try")
    )
    variables = models.JSONField(_("variables"), default=dict, blank=True)
    locale = models.CharField(
        _("language"), max_length=10, blank=True, default="", help_text=_("Empty: chosen when it is composed.")
    )
    recipient = models.CharField(
        _("recipient"),
        max_length=320,
        blank=True,
        default="",
        help_text=_("Of somebody who is not a customer; a customer's address is read when it is composed."),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(
        _("next attempt"),
        default=timezone.now,
        help_text=_("Not before this time; while it is being sent, when whoever sends it counts as lost."),
    )
    error = models.TextField(_("reason"), blank=True, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True, editable=False)

    class Meta:
        db_table = "loyalty_messages"
        ordering = ["-id"]
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "key"], name="one_message_a_key"),
        ]
        indexes = [
            # What the sender goes by: one channel, merchant after merchant, the longest due first.
            models.Index(
                models.F("channels__0"),
                "merchant",
                "next_attempt_at",
                condition=Q(status__in=["queued", "held", "sending"]),
                name="messages_waiting",
            ),
            models.Index(fields=["customer"], condition=Q(customer__isnull=False), name="messages_of_a_customer"),
            models.Index(fields=["member"], condition=Q(member__isnull=False), name="messages_of_a_member"),
            models.Index("merchant", Lower("recipient"), condition=~Q(recipient=""), name="messages_to_an_address"),
            models.Index(fields=["merchant", "-id"], name="messages_of_a_merchant"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="messages_finished"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def channel(self) -> str:
        """The one being tried; empty where none is left."""
        return self.channels[0] if self.channels else ""
