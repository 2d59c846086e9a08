"""Which members a merchant greets without anything having happened."""

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class GreetingSettings(models.Model):
    """A merchant's choice of greetings; without a row there are none (specs/messages.md "Templates")."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.OneToOneField(
        Merchant,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("merchant"),
        error_messages={"unique": _("This merchant has its greetings already.")},
    )
    greets_birthdays = models.BooleanField(
        _("on birthdays"),
        default=False,
        help_text=_("On the day itself, by the member's own clock; born on 29 February, on the 28th in other years."),
    )
    greets_absent = models.BooleanField(
        _("after an absence"), default=False, help_text=_("Once for each absence, and never to who has not been yet.")
    )
    absent_days = models.PositiveIntegerField(
        _("days without a visit"),
        default=60,
        validators=[MinValueValidator(7), MaxValueValidator(3650)],
        help_text=_("Who has been away longer when you switch it on is not written to."),
    )

    class Meta:
        db_table = "loyalty_greeting_settings"
        verbose_name = _("greetings")
        verbose_name_plural = _("greetings")
        constraints = [
            models.CheckConstraint(condition=models.Q(absent_days__gte=7), name="an_absence_is_a_week_or_more"),
        ]

    def __str__(self) -> str:
        return str(self.merchant)

    @property
    def absence(self) -> timedelta:
        """How long ago the last visit was when the member is written to."""
        return timedelta(days=self.absent_days)
