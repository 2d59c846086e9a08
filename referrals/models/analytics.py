"""What a merchant's members did lately, as it was on a day."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class AnalyticsSnapshot(models.Model):
    """The segments and the velocity of one merchant on one day (UTC), as of `computed_at`.

    `segments` has a row for each: {"slug", "members", "active_cards", "invites", "conversions", "points_earned"},
    sums over the window of `window_days` before `computed_at`; the totals are theirs together. No person is in it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    day = models.DateField(_("day"))
    computed_at = models.DateTimeField(_("computed"))
    window_days = models.PositiveSmallIntegerField(_("days of the window"))
    members = models.PositiveBigIntegerField(_("members"))
    invites = models.PositiveBigIntegerField(_("invites"))
    conversions = models.PositiveBigIntegerField(_("conversions"))
    points_earned = models.PositiveBigIntegerField(_("points earned"))
    segments = models.JSONField(_("segments"))
    # What pages would take too long to count for so many members (referrals/queries/figures.py); None for the others.
    figures = models.JSONField(_("figures"), null=True, blank=True)

    class Meta:
        db_table = "loyalty_analytics_snapshots"
        ordering = ["-day"]
        verbose_name = _("analytics snapshot")
        verbose_name_plural = _("analytics snapshots")
        constraints = [
            # Its index also serves the pages of one merchant, newest day first.
            models.UniqueConstraint(fields=["merchant", "day"], name="one_snapshot_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
