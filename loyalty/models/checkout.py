"""What a checkout tells us of while an order is being paid."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models.members import Member
from loyalty.models.redemptions import Redemption
from loyalty.models.rewards import Reward
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class CheckoutIntent(models.Model):
    """Something a member means to do with an order: redeem, or share the referral code. Known by `client_id`.

    It is `pending` until the member, or the checkout, resolves or cancels it. A redemption is made for it at most
    once, and whoever changes one of the two holds the member's lock.
    """

    class Kind(models.TextChoices):
        REDEMPTION = "redemption", _("Redemption")
        REFERRAL_SHARE = "referral_share", _("Sharing the referral code")

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        RESOLVED = "resolved", _("Resolved")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="checkout_intents", verbose_name=_("member"), db_index=False
    )
    client_id = models.CharField(_("id at the checkout"), max_length=64)
    kind = models.CharField(_("kind"), max_length=14, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.PENDING)
    order_id = models.CharField(_("order"), max_length=64)
    channel = models.CharField(_("channel"), max_length=64, blank=True, default="")
    referral_code = models.CharField(_("referral code"), max_length=64, blank=True, default="")
    reward = models.ForeignKey(
        Reward,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("reward"),
        db_index=False,
    )
    reward_name = models.CharField(_("reward's name"), max_length=80, blank=True, default="")
    points_cost = models.BigIntegerField(_("points"), null=True, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    redemption = models.OneToOneField(
        Redemption,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="checkout_intent",
        verbose_name=_("redemption"),
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"))
    received_at = models.DateTimeField(_("received"))
    expires_at = models.DateTimeField(_("expires"))
    resolved_at = models.DateTimeField(_("resolved"), null=True, blank=True)

    class Meta:
        db_table = "loyalty_checkout_intents"
        ordering = ["-id"]
        verbose_name = _("checkout intent")
        verbose_name_plural = _("checkout intents")
        constraints = [
            models.UniqueConstraint(fields=["member", "client_id"], name="one_intent_a_member_and_id"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="an_intent_is_of_one_at_least"),
            models.CheckConstraint(
                condition=Q(status="pending", resolved_at=None) | (~Q(status="pending") & Q(resolved_at__isnull=False)),
                name="an_intent_is_resolved_once_not_pending",
            ),
        ]
        indexes = [
            models.Index(fields=["member", "created_at", "id"], condition=Q(status="pending"), name="pending_intents"),
            # Whom a merchant may remind of something, member by member.
            models.Index(fields=["merchant", "member"], condition=Q(status="pending"), name="members_with_intents"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} ({self.get_status_display()})"
