"""Who may do what, and where."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models.merchants import Merchant, Store
from loyalty_site.tenants.models.users import User


class Role(models.TextChoices):
    """What a member of staff is at a merchant; `permissions.py` says what each may do."""

    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    CASHIER = "cashier", _("Cashier")
    ANALYST = "analyst", _("Analyst")
    PLATFORM = "platform", _("Platform")


class StaffRole(models.Model):
    """One user's role at one merchant, or at one of its stores; the platform's people have no merchant."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="staff_roles", verbose_name=_("user"))
    merchant = models.ForeignKey(
        Merchant,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="staff_roles",
        verbose_name=_("merchant"),
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="staff_roles",
        verbose_name=_("store"),
        help_text=_("Empty: every store of the merchant."),
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "staff_roles"
        ordering = ["merchant", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "merchant", "store"], nulls_distinct=False, name="one_role_a_place"
            ),
            models.CheckConstraint(
                condition=Q(role="platform", merchant=None) | (~Q(role="platform") & Q(merchant__isnull=False)),
                name="platform_role_without_merchant",
                violation_error_message=_("Only the platform role stands without a merchant."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"
