"""The rules of a program's referrals."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from loyalty_site.tenants.scoping import MerchantScopedAdmin
from referrals.models import ReferralSettings


@admin.register(ReferralSettings)
class ReferralSettingsAdmin(MerchantScopedAdmin):
    """One row a program; a program without one has the defaults that the empty form shows."""

    merchant_path = "program__merchant_id"
    list_display = ["program", "reward_points", "invitee_points", "open_invites", "converts_on", "deadline_policy"]
    list_select_related = ["program"]
    ordering = ["program__name", "id"]
    fieldsets = [
        (None, {"fields": ["program", ("reward_points", "invitee_points")]}),
        (_("Invites"), {"fields": [("open_invites", "cooldown_seconds"), "open_days"]}),
        (_("Conversion"), {"fields": ["converts_on", ("minimum_order", "pending_days")]}),
        (_("Review"), {"fields": [("review_line", "conversions_a_day"), ("review_days", "deadline_policy")]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: ReferralSettings | None = None) -> list[str]:
        return ["program"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: ReferralSettings, form: object, change: bool) -> None:
        obj.merchant_id = obj.program.merchant_id
        super().save_model(request, obj, form, change)
