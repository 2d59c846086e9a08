"""The rules a merchant runs: programs and their tiers."""

import zoneinfo
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

ONE_DAY = timedelta(hours=24)

# Far above any purchase, far below what a bigint holds after a lifetime of them.
MOST_POINTS = 10**12


class ExpiryPolicy(models.TextChoices):
    """What makes points expire; under `both`, whichever comes first."""

    NONE = "none", _("Points never expire")
    INACTIVITY = "inactivity", _("After a time without activity")
    LOTS = "lots", _("Each credit after a time of its own")
    BOTH = "both", _("Inactivity or age, whichever comes first")


class TierBasis(models.TextChoices):
    """Which points count towards a tier."""

    LIFETIME = "lifetime", _("Lifetime points")
    ROLLING = "rolling", _("Points of the last 12 months")


class DowngradePolicy(models.TextChoices):
    """What happens to a tier whose points are no longer there."""

    NEVER = "never", _("Never lowered")
    ONE_DOWN = "one_down", _("One tier down")
    BY_BALANCE = "by_balance", _("To the tier of the qualifying points")


def validate_time_zone(name: str) -> None:
    """Raise `ValidationError` unless `name` is in the IANA time zone database."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(name)s” is not a time zone."), params={"name": name})


def _days(
    verbose_name: "_StrPromise", default: int, help_text: "_StrPromise | str" = "", least: int = 0
) -> models.PositiveIntegerField:
    return models.PositiveIntegerField(
        verbose_name,
        default=default,
        validators=[MinValueValidator(least), MaxValueValidator(36_500)],
        help_text=help_text,
    )


class Program(models.Model):
    """A merchant's loyalty program. At most one is active at a time. The rules are those of specs/points.md."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="programs", verbose_name=_("merchant")
    )
    name = models.CharField(_("name"), max_length=120)
    is_active = models.BooleanField(_("active"), default=True)
    currency = models.CharField(
        _("currency"),
        max_length=3,
        validators=[RegexValidator(r"^[A-Z]{3}$", _("Three capital letters, such as EUR."))],
        help_text=_("ISO 4217, such as EUR. Purchases in another currency are refused."),
    )
    locale = models.CharField(_("language"), max_length=10, default="en")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_time_zone])
    point_value = models.DecimalField(
        _("value of a point"),
        max_digits=12,
        decimal_places=6,
        default=Decimal("0.01"),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("In the program's currency; the console's liability is counted with it."),
    )

    # Earning
    points_per_unit = models.DecimalField(
        _("points per unit of currency"),
        max_digits=12,
        decimal_places=6,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal(0))],
    )
    minimum_purchase = models.DecimalField(
        _("minimum purchase"),
        max_digits=12,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Smaller purchases earn nothing."),
    )
    max_points_per_order = models.PositiveBigIntegerField(
        _("most points an order"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_POINTS)],
    )
    max_points_per_day = models.PositiveBigIntegerField(
        _("most points a member and day"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_POINTS)],
    )
    welcome_bonus = models.PositiveBigIntegerField(
        _("welcome bonus"), default=0, validators=[MaxValueValidator(MOST_POINTS)]
    )

    # Joining
    double_opt_in = models.BooleanField(
        _("confirm by e-mail"),
        default=False,
        db_default=False,
        help_text=_("Who joins on the page of their own accord is a member once they follow a link in a mail."),
    )

    # Stamps
    stamps_target = models.PositiveIntegerField(
        _("stamps on a full card"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
    )
    minutes_between_stamps = models.PositiveIntegerField(
        _("minutes between stamps"), default=0, validators=[MaxValueValidator(525_600)]
    )
    stamps_per_day = models.PositiveIntegerField(
        _("most stamps a day"), null=True, blank=True, validators=[MaxValueValidator(1000)]
    )

    # Expiry
    expiry_policy = models.CharField(
        _("points expire"), max_length=10, choices=ExpiryPolicy.choices, default=ExpiryPolicy.NONE
    )
    points_expiration_days = _days(_("days without activity"), 365, least=1)
    points_valid_days = _days(_("days a credit is valid"), 365, least=1)
    expiration_warning_days = _days(_("days of warning"), 14, _("At most half of the policy's days are used."))
    warn_before_expiring = models.BooleanField(
        _("warn before expiring"),
        default=False,
        help_text=_(
            "A member who is due but was never warned is warned first, and expires in the first run after the "
            "days of warning."
        ),
    )

    # Holds and voids
    hold_days = _days(_("days a hold stands"), 14, _("Older holds are released every hour."), least=1)
    void_hours = models.PositiveIntegerField(
        _("hours in which an order can be voided"), default=24, validators=[MaxValueValidator(8760)]
    )

    # Tiers
    tier_basis = models.CharField(
        _("tiers go by"), max_length=10, choices=TierBasis.choices, default=TierBasis.LIFETIME
    )
    downgrade_policy = models.CharField(
        _("tiers are lowered"),
        max_length=10,
        choices=DowngradePolicy.choices,
        default=DowngradePolicy.NEVER,
    )
    downgrade_warning_days = _days(_("days between warning and lowering"), 14)

    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "loyalty_programs"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"],
                condition=Q(is_active=True),
                name="one_active_program",
                violation_error_message=_("This merchant has an active program already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def expires_by_inactivity(self) -> bool:
        return self.expiry_policy in (ExpiryPolicy.INACTIVITY, ExpiryPolicy.BOTH)

    @property
    def expires_by_lots(self) -> bool:
        return self.expiry_policy in (ExpiryPolicy.LOTS, ExpiryPolicy.BOTH)

    @property
    def inactivity_period(self) -> timedelta:
        return self.points_expiration_days * ONE_DAY

    @property
    def validity_period(self) -> timedelta:
        return self.points_valid_days * ONE_DAY

    def warning_lead(self, policy_days: int) -> timedelta:
        """How long before the due moment the warning goes out: specs/points.md "Warnings"."""
        return min(self.expiration_warning_days, policy_days // 2) * ONE_DAY

    @cached_property
    def ladder(self) -> "list[Tier]":
        """The active tiers, lowest threshold first. Read once for each program object."""
        return list(self.tiers.filter(is_active=True).order_by("point_threshold", "slug"))


class Tier(models.Model):
    """A level of a program, reached with enough qualifying points."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    program = models.ForeignKey(Program, on_delete=models.PROTECT, related_name="tiers", verbose_name=_("program"))
    slug = models.SlugField(_("slug"), max_length=60)
    name = models.CharField(_("name"), max_length=80)
    description = models.TextField(_("description"), blank=True, default="")
    point_threshold = models.PositiveBigIntegerField(_("points needed"), validators=[MaxValueValidator(MOST_POINTS)])
    multiplier = models.DecimalField(
        _("multiplier"),
        max_digits=8,
        decimal_places=4,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("Points earned while in this tier are multiplied by it."),
    )
    benefits = models.JSONField(_("benefits"), default=list, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        db_table = "loyalty_tiers"
        ordering = ["program", "point_threshold"]
        constraints = [
            models.UniqueConstraint(fields=["program", "slug"], name="one_tier_a_slug"),
            models.UniqueConstraint(
                fields=["program", "point_threshold"],
                condition=Q(is_active=True),
                name="one_active_tier_a_threshold",
                violation_error_message=_("Another active tier begins at the same points."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if not isinstance(self.benefits, list) or not all(isinstance(item, str) for item in self.benefits):
            raise ValidationError({"benefits": _("Benefits are a list of texts.")})
