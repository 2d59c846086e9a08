"""The tenants and their shops."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id


class Merchant(models.Model):
    """A business with customers of its own. Nothing is shared between two merchants."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(_("slug"), max_length=60, unique=True, help_text=_("Its name in addresses and commands."))
    name = models.CharField(_("name"), max_length=120)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "merchants"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Store(models.Model):
    """A shop, a till or a web shop of a merchant."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="stores", verbose_name=_("merchant"))
    reference = models.CharField(
        _("reference"), max_length=64, help_text=_("The merchant's own name or number of this store.")
    )
    name = models.CharField(_("name"), max_length=120)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "stores"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "reference"], name="one_store_a_reference"),
        ]

    def __str__(self) -> str:
        return self.name
