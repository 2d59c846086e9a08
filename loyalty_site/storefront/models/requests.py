"""Those who want to join and have yet to confirm that the e-mail address is theirs."""

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant


class JoinRequest(models.Model):
    """What somebody wrote into the form, where joining asks for a confirmation by mail. Gone once confirmed, or late.

    One a merchant and address: sent again, the form replaces what stood there. `code` is the invitation's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    email = models.EmailField(_("e-mail address"))
    first_name = models.CharField(_("first name"), max_length=80)
    last_name = models.CharField(_("last name"), max_length=80, blank=True, default="")
    # In E.164.
    phone = models.CharField(_("phone number"), max_length=20, blank=True, default="")
    birth_date = models.DateField(_("date of birth"), null=True, blank=True)
    locale = models.CharField(_("language"), max_length=10)
    marketing_consent = models.BooleanField(_("agreed to marketing messages"), default=False)
    code = models.CharField(_("invitation"), max_length=64, blank=True, default="")
    created_at = models.DateTimeField(_("created"))

    class Meta:
        db_table = "loyalty_join_requests"
        constraints = [
            models.UniqueConstraint("merchant", Lower("email"), name="one_join_request_an_email"),
        ]
        indexes = [models.Index(fields=["created_at"], name="join_requests_by_age")]

    def __str__(self) -> str:
        return str(self.pk)
