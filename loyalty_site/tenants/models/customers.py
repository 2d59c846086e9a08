"""A person, as one merchant knows them."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from phonenumber_field.modelfields import PhoneNumberField

from loyalty_site.ids import new_id
from loyalty_site.tenants.models.merchants import Merchant


class Customer(models.Model):
    """A person as one merchant knows them; the same person at another merchant is another row.

    `user_id` is the storefront's own UUID of its customer where it gave one, else ours. `external_ref` is the shop's
    customer number.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="customers", verbose_name=_("merchant")
    )
    user_id = models.UUIDField(_("user id"), default=new_id)
    external_ref = models.CharField(_("customer number"), max_length=64, blank=True, default="")
    first_name = models.CharField(_("first name"), max_length=80, blank=True, default="")
    last_name = models.CharField(_("last name"), max_length=80, blank=True, default="")
    email = models.EmailField(_("e-mail address"), blank=True, default="")
    phone_number = PhoneNumberField(_("phone number"), blank=True, default="")
    # Of an app's device, or a browser's subscription as JSON.
    push_token = models.CharField(_("push token"), max_length=2000, blank=True, default="")
    locale = models.CharField(_("language"), max_length=10, blank=True, default="")
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, default="")
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    marketing_consent = models.BooleanField(_("agreed to marketing messages"), default=False)
    marketing_consent_at = models.DateTimeField(_("consent given"), null=True, blank=True)
    marketing_consent_source = models.CharField(_("consent given through"), max_length=40, blank=True, default="")
    anonymized_at = models.DateTimeField(_("anonymized"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "customers"
        constraints = [
            models.UniqueConstraint(fields=["merchant", "user_id"], name="one_customer_a_user_id"),
            models.UniqueConstraint(
                fields=["merchant", "external_ref"],
                condition=~Q(external_ref=""),
                name="one_customer_a_number",
            ),
            models.UniqueConstraint(
                "merchant",
                Lower("email"),
                condition=~Q(email=""),
                name="one_customer_an_email",
            ),
            models.UniqueConstraint(
                fields=["merchant", "phone_number"],
                condition=~Q(phone_number=""),
                name="one_customer_a_phone_number",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email or self.external_ref or str(self.user_id)

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()
