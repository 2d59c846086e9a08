"""What a merchant's program gives for a referral, and when."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models import Program
from loyalty.models.programs import MOST_POINTS
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class ConvertsOn(models.TextChoices):
    """What makes an invite count."""

    ENROLLMENT = "enrollment", _("Enrolment of the invitee")
    FIRST_ORDER = "first_order", _("First order of the invitee")


class DeadlinePolicy(models.TextChoices):
    """What becomes of a reward that nobody has decided on in time."""

    PAY = "pay", _("It is credited")
    HOLD = "hold", _("It stays held until somebody decides")
    REJECT = "reject", _("It is rejected")


def _most(limit: int) -> list[MaxValueValidator]:
    return [MaxValueValidator(limit)]


class ReferralSettings(models.Model):
    """The rules of one program's referrals; a program without a row has the defaults written here.

    Points are whole numbers; money is in the program's currency.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    program = models.OneToOneField(
        Program, on_delete=models.PROTECT, related_name="referral_settings", verbose_name=_("program")
    )
    reward_points = models.PositiveBigIntegerField(
        _("points for the member"), default=500, validators=_most(MOST_POINTS)
    )
    invitee_points = models.PositiveBigIntegerField(
        _("points for the invitee"), default=0, validators=_most(MOST_POINTS)
    )
    open_invites = models.PositiveIntegerField(
        _("most open invites a member"), default=5, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    cooldown_seconds = models.PositiveIntegerField(
        _("seconds between two invites"), default=300, validators=_most(30 * 86_400)
    )
    open_days = models.PositiveIntegerField(
        _("days an invite is open"), default=30, validators=[MinValueValidator(1), MaxValueValidator(3650)]
    )
    converts_on = models.CharField(
        _("an invite counts on"), max_length=11, choices=ConvertsOn.choices, default=ConvertsOn.ENROLLMENT
    )
    minimum_order = models.DecimalField(
        _("smallest order that counts"),
        max_digits=12,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
    )
    pending_days = models.PositiveIntegerField(
        _("days in which a return cancels the reward"),
        default=14,
        validators=_most(365),
        help_text=_("After a first order the reward waits so long; a return of the order in that time cancels it."),
    )
    review_line = models.PositiveIntegerField(
        _("review from this risk on"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("Each signal has a weight; from this sum on a person decides before points are credited."),
    )
    conversions_a_day = models.PositiveIntegerField(
        _("conversions a day that are usual"), default=5, validators=[MinValueValidator(1), MaxValueValidator(10_000)]
    )
    review_days = models.PositiveIntegerField(
        _("days to decide"), default=14, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    deadline_policy = models.CharField(
        _("after these days"), max_length=6, choices=DeadlinePolicy.choices, default=DeadlinePolicy.HOLD
    )

    class Meta:
        db_table = "loyalty_referral_settings"
        verbose_name = _("referral rules")
        verbose_name_plural = _("referral rules")

    def __str__(self) -> str:
        return str(self.program)
