"""An invitation from one member to somebody who is none yet."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.models import Member
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class InviteQuerySet(models.QuerySet["Invite"]):
    """Phrases about invites. Begin with `for_merchant`: another merchant's invite is nobody's."""

    def for_merchant(self, merchant: Merchant) -> "InviteQuerySet":
        return self.filter(merchant=merchant)

    def open(self, at: datetime) -> "InviteQuerySet":
        """Those that can still be taken up at `at`; they count towards the quota."""
        return self.filter(status__in=OPEN, expires_at__gt=at)


class Invite(models.Model):
    """One invitation, and what became of it.

    Its code begins with R, a member's own with M, so that a code is unique over both. A row with `is_standing` was
    made by somebody who came with a member's own code; it bears that code, and is converted from the beginning or
    waits for the first order. `reward_state` says where the points of both sides are; points are whole numbers.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SENT = "sent", _("Sent")
        CONVERTED = "converted", _("Converted")
        EXPIRED = "expired", _("Expired")
        CANCELLED = "cancelled", _("Cancelled")

    class RewardState(models.TextChoices):
        NONE = "none", _("Not earned yet")
        PENDING = "pending", _("Pending")
        REVIEW = "review", _("Held for review")
        PAID = "paid", _("Credited")
        DROPPED = "dropped", _("Never credited")
        REVERSING = "reversing", _("To be taken back")
        REVERSED = "reversed", _("Taken back")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    referrer = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="invites", verbose_name=_("member"), db_index=False
    )
    code = models.CharField(_("code"), max_length=8)
    is_standing = models.BooleanField(_("by the member's own code"), default=False)
    invitee_email = models.EmailField(_("invitee's e-mail address"), blank=True, default="")
    invitee = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("invitee"),
        db_index=False,
    )
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.DRAFT)
    reward_state = models.CharField(_("reward"), max_length=9, choices=RewardState.choices, default=RewardState.NONE)
    reward_points = models.BigIntegerField(_("points for the member"))
    invitee_points = models.BigIntegerField(_("points for the invitee"), default=0)
    # The order that made it count, where there was one.
    order_reference = models.CharField(_("order"), max_length=64, blank=True, default="")
    order_amount = models.DecimalField(_("order's amount"), max_digits=12, decimal_places=2, null=True, blank=True)
    order_entry_id = models.UUIDField(_("order's entry"), null=True, blank=True, editable=False)
    # What spoke for trickery when the reward was due: [{"code", "weight"}], and their sum.
    signals = models.JSONField(_("signals"), default=list, blank=True)
    risk_score = models.PositiveIntegerField(_("risk"), default=0)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="")
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now)
    attached_at = models.DateTimeField(_("taken up"), null=True, blank=True)
    completed_at = models.DateTimeField(_("converted"), null=True, blank=True)
    payable_at = models.DateTimeField(_("reward due"), null=True, blank=True)
    paid_at = models.DateTimeField(_("credited"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"))

    # True on an invite that answers a retry: it was converted by an earlier request.
    replayed = False

    objects = InviteQuerySet.as_manager()

    class Meta:
        db_table = "loyalty_referral_invites"
        ordering = ["-created_at", "-id"]
        verbose_name = _("invite")
        verbose_name_plural = _("invites")
        constraints = [
            models.UniqueConstraint(fields=["code"], condition=Q(is_standing=False), name="one_invite_a_code"),
            # A hyphen: the code of somebody who was forgotten.
            models.CheckConstraint(
                condition=Q(is_standing=False, code__regex=r"^R") | Q(is_standing=True, code__regex=r"^[M-]"),
                name="codes_of_invites_begin_with_r",
            ),
            # What came to nothing before it counted leaves the invitee free for another invite.
            models.UniqueConstraint(
                fields=["invitee"],
                condition=Q(invitee__isnull=False) & (Q(completed_at__isnull=False) | Q(status__in=["draft", "sent"])),
                name="one_invite_an_invitee",
            ),
            models.CheckConstraint(
                condition=Q(invitee__isnull=True) | ~Q(invitee=F("referrer")), name="nobody_invites_themselves"
            ),
            models.CheckConstraint(
                condition=~Q(status="converted") | Q(invitee__isnull=False, completed_at__isnull=False),
                name="a_converted_invite_has_an_invitee",
            ),
            models.CheckConstraint(
                condition=Q(reward_state="none", completed_at=None)
                | (~Q(reward_state="none") & Q(completed_at__isnull=False)),
                name="a_reward_follows_a_conversion",
            ),
            models.CheckConstraint(
                condition=Q(reward_points__gte=0, invitee_points__gte=0), name="rewards_are_not_negative"
            ),
        ]
        indexes = [
            models.Index(fields=["referrer", "-created_at", "-id"], name="invites_of_a_member"),
            models.Index(
                fields=["merchant", "referrer", "expires_at"],
                condition=Q(status__in=["draft", "sent"]),
                name="open_invites_of_a_member",
            ),
            models.Index(
                fields=["expires_at"], condition=Q(status__in=["draft", "sent"]), name="open_invites_by_expiry"
            ),
            # Those that came to nothing too: late news revives them, and who is forgotten is forgotten there as well.
            models.Index(fields=["invitee"], condition=Q(invitee__isnull=False), name="invites_taken_up"),
            models.Index(fields=["merchant", "created_at"], name="invites_of_a_merchant"),
            models.Index(
                fields=["merchant", "completed_at"],
                condition=Q(completed_at__isnull=False),
                name="conversions_of_a_merchant",
            ),
            models.Index(
                fields=["referrer", "completed_at"],
                condition=Q(completed_at__isnull=False),
                name="conversions_of_a_member",
            ),
            models.Index(fields=["payable_at"], condition=Q(reward_state="pending"), name="rewards_pending"),
            models.Index(fields=["id"], condition=Q(reward_state="reversing"), name="rewards_to_take_back"),
            models.Index(
                fields=["order_entry_id"], condition=Q(order_entry_id__isnull=False), name="orders_of_invites"
            ),
            models.Index("merchant", Lower("invitee_email"), condition=~Q(invitee_email=""), name="invites_by_email"),
        ]

    def __str__(self) -> str:
        return f"{self.code} ({self.get_status_display()})"

    def is_open(self, at: datetime) -> bool:
        """Whether it can still be taken up."""
        return self.status in OPEN and self.expires_at > at


OPEN: tuple[Any, ...] = (Invite.Status.DRAFT, Invite.Status.SENT)
