"""What the doors keep: credentials, answers given, calls counted."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant, Store, User


class Scope(models.TextChoices):
    """What a key opens."""

    STORE = "store", _("Store: enrol, earn, stamp, redeem, refund, look up")
    MEMBER_TOKENS = "member_tokens", _("Give out member tokens")
    CHECKOUT = "checkout", _("Checkout: intents and redemptions")
    OPERATOR = "operator", _("Back office")


class ApiKey(models.Model):
    """A till's or a back end's key, of a store or of the whole merchant. Only its SHA-256 is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.CASCADE, related_name="api_keys", verbose_name=_("merchant")
    )
    store = models.ForeignKey(
        Store,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="api_keys",
        verbose_name=_("store"),
        help_text=_("Empty: the whole merchant. The store door needs a store."),
    )
    name = models.CharField(_("name"), max_length=80, help_text=_("Where it is used, such as “till 2”."))
    hint = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.BinaryField(_("SHA-256"), max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices), verbose_name=_("scopes"), default=list)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    replaces = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replaced_by", editable=False
    )
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "api_keys"
        ordering = ["merchant", "name"]
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class StaffToken(models.Model):
    """A token of a member of staff for the admin door. It may do what its owner may. Only its SHA-256 is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens", verbose_name=_("user"))
    name = models.CharField(_("name"), max_length=80)
    hint = models.CharField(_("begins with"), max_length=16, editable=False)
    digest = models.BinaryField(_("SHA-256"), max_length=32, unique=True, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        db_table = "staff_tokens"
        ordering = ["user", "name"]
        verbose_name = _("staff token")
        verbose_name_plural = _("staff tokens")

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"


class IdempotentAnswer(models.Model):
    """The answer to a committed change, by credential and Idempotency-Key, for whoever asks again."""

    pk = models.CompositePrimaryKey("credential", "key")
    credential = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    # The text as it was sent, so that it is sent again to the byte. NULL: the person has been forgotten.
    body = models.TextField(null=True)  # noqa: DJ001
    customer_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "idempotent_answers"
        indexes = [
            models.Index(fields=["created_at"], name="answers_by_age"),
            models.Index(
                fields=["customer_id"],
                condition=models.Q(customer_id__isnull=False),
                name="answers_of_a_customer",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class RateWindow(models.Model):
    """Calls of one store, member or user in one minute. UNLOGGED: after a crash of PostgreSQL counting begins anew."""

    pk = models.CompositePrimaryKey("subject", "begins_at")
    subject = models.CharField(max_length=80)
    begins_at = models.DateTimeField()
    calls = models.IntegerField()

    class Meta:
        db_table = "rate_windows"

    def __str__(self) -> str:
        return f"{self.subject} {self.calls}"


class RateLimitedHour(models.Model):
    """How many calls of a subject were turned away in one hour, for the metrics."""

    pk = models.CompositePrimaryKey("subject", "begins_at")
    subject = models.CharField(max_length=80)
    begins_at = models.DateTimeField()
    calls = models.IntegerField()

    class Meta:
        db_table = "rate_limited_hours"

    def __str__(self) -> str:
        return f"{self.subject} {self.calls}"
