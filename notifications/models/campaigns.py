"""What a merchant says with nudges, how often and through what; and who was nudged and who was held out."""

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.models import Member
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant
from notifications.models.preferences import Channel

_MOST_HOURS = 24 * 366


class NudgeType(models.TextChoices):
    """What a nudge is about."""

    EXPIRING_POINTS = "expiring_points", _("Points about to expire")
    CHECKOUT_REMINDER = "checkout_reminder", _("Something left at a checkout")
    REDEMPTION_FOLLOW_UP = "redemption_follow_up", _("A reward not picked up")


class NudgeCampaign(models.Model):
    """How one merchant nudges about one thing. Of several in force about the same thing the highest priority counts.

    A nudge stands for `ttl` after its signal was last seen. A member gets at most one message of the campaign within
    `cap`. `held_out_percent` of the members get none, so that the others can be compared with them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    slug = models.SlugField(_("slug"), max_length=64, db_index=False)
    nudge_type = models.CharField(_("about"), max_length=24, choices=NudgeType.choices)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Otherwise it makes no nudges."))
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        default=10,
        validators=[MaxValueValidator(1000)],
        help_text=_("Members see nudges of a higher priority first."),
    )
    ttl_hours = models.PositiveIntegerField(
        _("hours a nudge stands"),
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(_MOST_HOURS)],
        help_text=_("After what it is about was last seen."),
    )
    cap_hours = models.PositiveIntegerField(
        _("hours between two messages"),
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(_MOST_HOURS)],
        help_text=_("A member gets at most one message of this campaign in that time."),
    )
    channels = ArrayField(
        models.CharField(max_length=10, choices=Channel.choices),
        verbose_name=_("channels"),
        default=list,
        blank=True,
        help_text=_("In the order in which they are tried. None: the nudge is shown to the member and not sent."),
    )
    held_out_percent = models.PositiveSmallIntegerField(
        _("percent held out"),
        default=0,
        validators=[MaxValueValidator(100)],
        help_text=_("So many of a hundred members get no message, always the same ones; compare them below."),
    )
    lift_days = models.PositiveSmallIntegerField(
        _("days compared"),
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(366)],
        help_text=_("Redemptions and orders count for so long after a member's first message."),
    )
    starts_at = models.DateTimeField(_("starts"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "loyalty_nudge_campaigns"
        ordering = ["merchant", "-priority", "slug"]
        verbose_name = _("nudge campaign")
        verbose_name_plural = _("nudge campaigns")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "slug"],
                name="one_campaign_a_slug",
                violation_error_message=_("Another campaign has this slug."),
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="a_campaign_ends_after_it_starts",
                violation_error_message=_("It ends after it starts."),
            ),
            models.CheckConstraint(condition=Q(held_out_percent__lte=100), name="a_share_held_out_is_of_a_hundred"),
            models.CheckConstraint(condition=Q(ttl_hours__gte=1, cap_hours__gte=1), name="nudges_have_their_time"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def ttl(self) -> timedelta:
        return timedelta(hours=self.ttl_hours)

    @property
    def cap(self) -> timedelta:
        return timedelta(hours=self.cap_hours)

    def is_in_force(self, at: datetime) -> bool:
        """Whether it nudges at `at`: from its start on, and before its end."""
        begun = self.starts_at is None or self.starts_at <= at
        ended = self.ends_at is not None and self.ends_at <= at
        return self.is_active and begun and not ended


class NudgeExposure(models.Model):
    """That a member was due for a campaign's message, and whether they got it or were held out.

    Written in the statement that claims the message, for both alike: so the two differ by nothing but the message.
    `last_at` is what the cap counts from.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="+", verbose_name=_("member"), db_index=False
    )
    campaign_slug = models.CharField(_("campaign"), max_length=64)
    nudged_at = models.DateTimeField(_("first sent"), null=True, blank=True)
    held_out_at = models.DateTimeField(_("first held out"), null=True, blank=True)
    last_at = models.DateTimeField(_("last due"))

    class Meta:
        db_table = "loyalty_nudge_exposures"
        verbose_name = _("exposure")
        verbose_name_plural = _("exposures")
        constraints = [
            models.UniqueConstraint(fields=["member", "campaign_slug"], name="one_exposure_a_campaign"),
        ]
        indexes = [
            models.Index(fields=["merchant", "campaign_slug"], name="exposures_of_a_campaign"),
            models.Index(fields=["last_at"], name="exposures_by_age"),
        ]

    def __str__(self) -> str:
        return self.campaign_slug
