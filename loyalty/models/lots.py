"""Points that carry a date, and which entry took them."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.entries import LedgerEntry
from loyalty.models.members import Member


class PointLot(models.Model):
    """Points of one credit that expire together. What is not in an open lot has no date.

    A lot has the id and the number of the entry that brought it. Spending takes the soonest date first, on ties the
    lower number.
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("Scheduled")
        CONSUMED = "consumed", _("Consumed")
        EXPIRED = "expired", _("Expired")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, editable=False)
    merchant_id = models.UUIDField(_("merchant"))
    member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        related_name="lots",
        verbose_name=_("member"),
        db_index=False,
    )
    number = models.IntegerField(_("number"))
    points = models.BigIntegerField(_("points"))
    consumed = models.BigIntegerField(_("consumed"), default=0)
    expires_at = models.DateTimeField(_("expires"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.SCHEDULED)
    warned_at = models.DateTimeField(_("warned"), null=True, blank=True)

    class Meta:
        db_table = "loyalty_point_expirations"
        ordering = ["member", "expires_at", "number"]
        constraints = [
            models.CheckConstraint(condition=Q(points__gt=0), name="a_lot_has_points"),
            models.CheckConstraint(
                condition=Q(consumed__gte=0, consumed__lte=F("points")),
                name="a_lot_gives_what_it_has",
            ),
            models.CheckConstraint(
                condition=Q(status="scheduled", consumed__lt=F("points"))
                | (~Q(status="scheduled") & Q(consumed=F("points"))),
                name="an_open_lot_has_points_left",
            ),
        ]
        indexes = [
            models.Index(
                fields=["member", "expires_at", "number"],
                condition=Q(status="scheduled"),
                name="open_lots_of_a_member",
            ),
        ]
        triggers = [pgtrigger.Protect(name="lots_are_kept", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.remaining} of {self.points}, {self.expires_at:%Y-%m-%d}"

    @property
    def remaining(self) -> int:
        """Points not yet taken."""
        return self.points - self.consumed


class LotAllocation(models.Model):
    """How many points one entry took from one lot; negative where it gave them back. Never changed."""

    pk = models.CompositePrimaryKey("entry_id", "lot_id")
    entry = models.ForeignKey(
        LedgerEntry,
        on_delete=models.PROTECT,
        related_name="allocations",
        verbose_name=_("entry"),
        db_constraint=False,
        db_index=False,
    )
    lot = models.ForeignKey(
        PointLot,
        on_delete=models.PROTECT,
        related_name="allocations",
        verbose_name=_("lot"),
        db_constraint=False,
    )
    points = models.BigIntegerField(_("points"))

    class Meta:
        db_table = "loyalty_lot_allocations"
        constraints = [models.CheckConstraint(condition=~Q(points=0), name="an_allocation_moves_points")]
        triggers = [pgtrigger.Protect(name="allocations_stay", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.points:+d}"
