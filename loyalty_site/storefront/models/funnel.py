"""How many people came to the join page, and how far they went."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class FunnelStep(models.TextChoices):
    """How far somebody came. `docs/join.md` says when each is counted."""

    VIEW = "view", _("Page opened")
    START = "start", _("Form begun")
    SUBMIT = "submit", _("Form sent")
    SUCCESS = "success", _("Enrolled")


class EnrollmentFunnel(models.Model):
    """How often a step was reached at one merchant on one day (UTC). It says nothing of who."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    day = models.DateField(_("day"))
    step = models.CharField(_("step"), max_length=7, choices=FunnelStep.choices)
    count = models.PositiveBigIntegerField(_("times"))

    class Meta:
        db_table = "loyalty_enrollment_funnel"
        constraints = [
            # Its index also finds the days of one merchant.
            models.UniqueConstraint(fields=["merchant", "day", "step"], name="one_count_a_day_and_step"),
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.step}: {self.count}"
