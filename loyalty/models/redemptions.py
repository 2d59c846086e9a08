"""Points on their way to becoming something."""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.models.entries import LedgerEntry
from loyalty.models.members import Member
from loyalty.models.rewards import Reward
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant, Store, User


class Redemption(models.Model):
    """A request to spend points: held while `requested`, then spent (fulfilled) or released (failed, cancelled)."""

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        FULFILLED = "fulfilled", _("Fulfilled")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    # True on a redemption that answers a retry: it was made by an earlier request.
    replayed = False
    # Its ledger entry, where the operation that made it has it at hand.
    entry: LedgerEntry | None = None
    # What stands for the member's lock that this object was read under (loyalty/queries/locks.py).
    lock: Any = None

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant,
        on_delete=models.PROTECT,
        related_name="redemptions",
        verbose_name=_("merchant"),
        db_index=False,
    )
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("member"), db_index=False
    )
    reward = models.ForeignKey(
        Reward,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="redemptions",
        verbose_name=_("reward"),
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
    )
    actor = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
        db_index=False,
    )
    key = models.CharField(_("key"), max_length=200, null=True, editable=False)  # noqa: DJ001
    fingerprint = models.BinaryField(_("request fingerprint"), null=True, editable=False)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.REQUESTED)
    points_cost = models.BigIntegerField(_("points"))
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    # What it took of the reward's stock, and gives back if nothing comes of it; none where there is as much as wanted.
    units_taken = models.PositiveIntegerField(_("units taken"), default=0, db_default=0, editable=False)
    order_reference = models.CharField(_("order"), max_length=64, blank=True, default="")
    requested_at = models.DateTimeField(_("requested"))
    fulfilled_at = models.DateTimeField(_("fulfilled"), null=True, blank=True)
    failed_at = models.DateTimeField(_("failed"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="")
    entry_id = models.UUIDField(_("entry"), null=True, blank=True, editable=False)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)

    class Meta:
        db_table = "loyalty_redemptions"
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(points_cost__gt=0), name="a_redemption_costs_points"),
            models.UniqueConstraint(
                fields=["merchant", "key"],
                condition=Q(key__isnull=False),
                name="one_redemption_a_key",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "requested_at"],
                condition=Q(status="requested"),
                name="open_redemptions",
            ),
            # Whom a merchant may remind of something, member by member.
            models.Index(fields=["merchant", "member"], condition=Q(status="requested"), name="members_who_wait"),
            models.Index(fields=["member", "-requested_at", "-id"], name="redemptions_of_a_member"),
        ]

    def __str__(self) -> str:
        points = ngettext("%(points)s point", "%(points)s points", self.points_cost) % {
            "points": f"{self.points_cost:,}"
        }
        return f"{points} ({self.get_status_display()})"

    @property
    def order(self) -> str:
        """The order it was asked for with: a till's reference, or the order of a checkout; empty for none."""
        return self.order_reference or str(self.metadata.get("order_id") or "")

    @property
    def gives_codes(self) -> bool:
        """Whether codes go with it."""
        return self.reward is not None and self.reward.gives_codes
