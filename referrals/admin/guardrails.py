"""Guardrails: how things stand, the overrides, and what was done to them."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from loyalty.admin.deeds import Deed, Done, ReasonForm
from loyalty_site.tenants import permissions
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import Merchant, User
from loyalty_site.tenants.scoping import MerchantScopedAdmin, ReadOnly
from referrals.admin.pages import DeedAdmin, member_link
from referrals.models import GuardrailAuditEvent, GuardrailOverride
from referrals.operations import guardrails
from referrals.queries import guardrails as standing

# For whom the figures above the list are shown: each merchant's are two queries.
MOST_MERCHANTS = 5


def _end(row: GuardrailOverride, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    guardrails.revoke(override_id=row.pk, reason=typed["reason"], actor=actor, at=at)
    return Done(_("It has ended."), record=f"Ended: {typed['reason']}", mark=f"{row.pk} ended")


END = Deed(
    "end",
    gettext_lazy("End it now"),
    gettext_lazy("End it now"),
    _end,
    ReasonForm,
    gettext_lazy("The program's limits hold again from now on."),
    possible=lambda row: row.is_active(timezone.now()),
)


class OverrideForm(forms.ModelForm):
    """A new override; what it needs is said before anything is written."""

    def clean(self) -> dict[str, Any]:
        typed: dict[str, Any] = super().clean() or {}
        if len((typed.get("justification") or "").strip()) < guardrails.SHORTEST:
            self.add_error("justification", _("Say why."))
        if typed.get("expires_at") is not None and typed["expires_at"] <= timezone.now():
            self.add_error("expires_at", _("This time is over."))
        if typed.get("scope") == GuardrailOverride.Scope.GLOBAL_THROTTLE and typed.get("target_member"):
            self.add_error("target_member", _("A pause is for all members."))
        return typed


@admin.register(GuardrailOverride)
class GuardrailOverrideAdmin(DeedAdmin):
    """Lift a limit, or stop new invites; a new one takes the place of that of the same scope and member."""

    merchant_path = "merchant_id"
    form = OverrideForm
    deeds = (END,)
    change_list_template = "admin/referrals/guardrailoverride/list.html"
    list_display = ["created_at", "merchant", "scope", "for_whom", "shown_state", "expires_at", "justification"]
    list_filter = ["scope", "merchant"]
    list_select_related = ["target_member", "merchant"]
    search_fields = ["=target_member__card_number"]
    search_help_text = gettext_lazy("Card number")
    autocomplete_fields = ["target_member"]
    ordering = ["-created_at", "-id"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.holds(request, self.permission("add"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return ["merchant", "scope", "target_member", "justification", "expires_at"]
        return ["scope", "for_whom", "shown_state", "justification", "created_at", "expires_at", "revoked_at"]

    def save_model(self, request: HttpRequest, obj: GuardrailOverride, form: Any, change: bool) -> None:
        self.demand_change(request, obj, change=change)
        made = guardrails.override(
            merchant=obj.merchant,
            scope=obj.scope,
            justification=obj.justification,
            target_member_id=obj.target_member_id,
            actor=cast(User, request.user),
            expires_at=obj.expires_at,
            at=timezone.now(),
        )
        obj.pk, obj._state.adding = made.pk, False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"standing": self._standing(request), **(extra_context or {})})

    def _standing(self, request: HttpRequest) -> list[tuple[Merchant, standing.Guardrails]]:
        merchants = Merchant.objects.order_by("name")
        if not permissions.is_platform(request.user):
            places = permissions.merchants_where(request.user, self.permission("view"))
            merchants = merchants.filter(pk__in=places)
        found = list(merchants[: MOST_MERCHANTS + 1])
        at = timezone.now()
        return [(each, standing.state(each, at=at)) for each in found] if len(found) <= MOST_MERCHANTS else []

    @display(description=gettext_lazy("for"))
    def for_whom(self, row: GuardrailOverride) -> str:
        return member_link(row.target_member) if row.target_member is not None else _("all members")

    @display(description=gettext_lazy("state"))
    def shown_state(self, row: GuardrailOverride) -> str:
        if row.is_active(timezone.now()):
            return pill(_("Acting"), "warning")
        return pill(_("Ended")) if row.revoked_at is not None else pill(_("Expired"))


@admin.register(GuardrailAuditEvent)
class GuardrailAuditEventAdmin(ReadOnly, MerchantScopedAdmin):
    """Who did what to an override, and why."""

    merchant_path = "merchant_id"
    list_display = ["at", "merchant", "action", "override", "for_whom", "actor", "reason"]
    list_filter = ["action", "merchant"]
    list_select_related = ["override__target_member", "actor", "merchant"]
    ordering = ["-at", "-id"]
    fields = ["at", "action", "override", "for_whom", "actor", "actor_user_id", "reason"]
    readonly_fields = fields
    shown_if = {"actor": "actor_id", "actor_user_id": "actor_user_id", "reason": "reason"}

    @display(description=gettext_lazy("for"))
    def for_whom(self, event: GuardrailAuditEvent) -> str:
        member = event.override.target_member
        return member_link(member) if member is not None else _("all members")
