"""Limits lifted, or invitations stopped, by hand and for a time; and who did it why."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.models import Member
from loyalty_site.ids import new_id
from loyalty_site.tenants.models import Merchant, User


class GuardrailOverride(models.Model):
    """An exception from the limits of invitations, for one member or for all of the merchant.

    `invite_quota` and `invite_cooldown` lift that limit; `global_throttle` stops all new invites. It acts until it
    expires, is revoked, or another of the same scope and target takes its place.
    """

    class Scope(models.TextChoices):
        INVITE_QUOTA = "invite_quota", _("No limit of open invites")
        INVITE_COOLDOWN = "invite_cooldown", _("No wait between invites")
        GLOBAL_THROTTLE = "global_throttle", _("No new invites")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    scope = models.CharField(_("what it does"), max_length=15, choices=Scope.choices)
    target_member = models.ForeignKey(
        Member,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("member"),
        db_index=False,
        help_text=_("Empty: all members."),
    )
    justification = models.CharField(_("justification"), max_length=500)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    # The console's user, or whoever the back end says: no constraint.
    created_by_user_id = models.UUIDField(_("made by"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("ended"), null=True, blank=True)

    # On an override that was made a moment ago: who the target member is.
    target_customer_id: UUID | None = None

    class Meta:
        db_table = "loyalty_guardrail_overrides"
        ordering = ["-created_at", "-id"]
        verbose_name = _("guardrail override")
        verbose_name_plural = _("guardrail overrides")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "scope", "target_member"],
                condition=Q(revoked_at=None),
                nulls_distinct=False,
                name="one_override_a_scope_and_target",
            ),
            models.CheckConstraint(
                condition=~Q(scope="global_throttle") | Q(target_member=None), name="a_throttle_is_for_all"
            ),
        ]
        indexes = [models.Index(fields=["merchant", "-created_at", "-id"], name="overrides_in_time")]

    def __str__(self) -> str:
        return self.get_scope_display()

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Without that of one a scope and target: a new override takes the other's place (operations/guardrails)."""
        super().validate_constraints(exclude={*(exclude or ()), "merchant"})

    def is_active(self, at: datetime) -> bool:
        """Whether it acts at `at`."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


class GuardrailAuditEvent(models.Model):
    """What was done to an override, by whom and why. Written once, never changed."""

    class Action(models.TextChoices):
        CREATED = "created", _("Made")
        SUPERSEDED = "superseded", _("Replaced by another")
        REVOKED = "revoked", _("Ended early")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    merchant = models.ForeignKey(
        Merchant, on_delete=models.PROTECT, related_name="+", verbose_name=_("merchant"), db_index=False
    )
    override = models.ForeignKey(
        GuardrailOverride, on_delete=models.PROTECT, related_name="events", verbose_name=_("override")
    )
    action = models.CharField(_("action"), max_length=10, choices=Action.choices)
    actor = models.ForeignKey(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("user"),
        db_index=False,
    )
    actor_user_id = models.UUIDField(_("user id"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=500, blank=True, default="")
    facts = models.JSONField(_("facts"), default=dict, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        db_table = "loyalty_guardrail_audit_events"
        ordering = ["-at", "-id"]
        verbose_name = _("guardrail event")
        verbose_name_plural = _("guardrail events")
        indexes = [models.Index(fields=["merchant", "-at", "-id"], name="guardrail_events_in_time")]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.override}"
