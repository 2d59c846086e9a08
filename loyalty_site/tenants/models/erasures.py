"""People who asked to be forgotten."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models.customers import Customer
from loyalty_site.tenants.models.merchants import Merchant

# Regulation (EU) 2016/679, article 12 (3): within one month.
TIME_TO_ANSWER = timedelta(days=30)


class ErasureRequest(models.Model):
    """A customer's request to be forgotten, open until the person is anonymised. At most one is open."""

    # True on a request that was there before.
    replayed = False

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="erasure_requests", verbose_name=_("customer")
    )
    requested_at = models.DateTimeField(_("asked"))
    due_at = models.DateTimeField(_("to be done by"))
    done_at = models.DateTimeField(_("done"), null=True, blank=True)

    class Meta:
        db_table = "erasure_requests"
        ordering = ["due_at"]
        verbose_name = _("request to be forgotten")
        verbose_name_plural = _("requests to be forgotten")
        constraints = [
            models.UniqueConstraint(
                fields=["customer"], condition=Q(done_at=None), name="one_open_erasure_request_a_customer"
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "due_at"], condition=Q(done_at=None), name="open_erasure_requests"),
        ]

    def __str__(self) -> str:
        return f"{self.requested_at:%Y-%m-%d}"
