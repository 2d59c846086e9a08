"""What tells two browsers apart, kept so that nobody can read it, and not for long."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.models import Member
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class DeviceKind(models.TextChoices):
    """What a digest was made of."""

    DEVICE = "device", _("Device or browser cookie")
    ADDRESS = "address", _("Network address")
    BROWSER = "browser", _("Network address and browser")


class DeviceTrace(models.Model):
    """That a member was seen with a device, address or browser; only a keyed hash says which.

    The digest is of this merchant alone: the same browser at another merchant gives another one. Rows go 90 days
    after they were last seen.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    member = models.ForeignKey(
        Member, on_delete=models.PROTECT, related_name="+", verbose_name=_("member"), db_index=False
    )
    kind = models.CharField(_("kind"), max_length=7, choices=DeviceKind.choices)
    digest = models.BinaryField(_("keyed hash"), max_length=32)
    seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        db_table = "loyalty_referral_devices"
        constraints = [
            models.UniqueConstraint(fields=["member", "kind", "digest"], name="one_trace_a_device"),
        ]
        indexes = [
            models.Index(fields=["merchant", "kind", "digest"], name="members_of_a_device"),
            models.Index(fields=["seen_at"], name="traces_by_age"),
        ]

    def __str__(self) -> str:
        return self.kind
