"""A reward that a person decides on."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant, User
from referrals.models.invites import Invite


class ReferralReview(models.Model):
    """The case of one conversion: what spoke against it, and who decided what and why.

    Without a `decided_by` it was the deadline that decided. What spoke against it stands in the invite's `signals`.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    invite = models.OneToOneField(Invite, on_delete=models.PROTECT, related_name="review", verbose_name=_("invite"))
    status = models.CharField(_("status"), max_length=8, choices=Status.choices, default=Status.OPEN)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="")
    decided_by = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
        db_index=False,
    )
    created_at = models.DateTimeField(_("opened"))
    due_at = models.DateTimeField(_("deadline"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        db_table = "referral_reviews"
        ordering = ["due_at", "id"]
        verbose_name = _("referral review")
        verbose_name_plural = _("referral reviews")
        constraints = [
            models.CheckConstraint(
                condition=Q(status="open", decided_at=None) | (~Q(status="open") & Q(decided_at__isnull=False)),
                name="a_review_is_decided_once_not_open",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="open"), name="open_reviews"),
            models.Index(fields=["merchant", "due_at"], name="reviews_of_a_merchant"),
        ]

    def __str__(self) -> str:
        return f"{self.invite.code} ({self.get_status_display()})"
