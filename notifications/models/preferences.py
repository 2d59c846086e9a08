"""How a customer wants to hear from a merchant."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Customer, Merchant


class Channel(models.TextChoices):
    """The ways a message can go."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("Text message")
    PUSH = "push", _("Push")


class Preference(models.Model):
    """A customer's choice of channels and quiet hours; without a row every channel is open and no hour quiet.

    Consent to marketing messages, language, time zone, phone and push token are the customer's own fields. Quiet hours
    are of the customer's time zone, and may pass midnight; they hold marketing back, nothing else.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    customer = models.OneToOneField(
        Customer, on_delete=models.PROTECT, related_name="preference", verbose_name=_("customer")
    )
    email = models.BooleanField(_("e-mail"), default=True)
    sms = models.BooleanField(_("text messages"), default=True)
    push = models.BooleanField(_("push"), default=True)
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    class Meta:
        db_table = "message_preferences"
        verbose_name = _("message preference")
        verbose_name_plural = _("message preferences")
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | (Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until"))),
                name="quiet_hours_begin_and_end",
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(channel.value for channel in Channel if getattr(self, channel.value))
