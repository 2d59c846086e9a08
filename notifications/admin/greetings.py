"""Greetings: whom a merchant writes to on a birthday or after an absence."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from loyalty_site.tenants.scoping import MerchantScopedAdmin
from notifications.models import GreetingSettings


@admin.register(GreetingSettings)
class GreetingSettingsAdmin(MerchantScopedAdmin):
    """One row a merchant; without one nobody is greeted."""

    merchant_path = "merchant_id"
    list_display = ["merchant", "greets_birthdays", "greets_absent", "absent_days"]
    list_select_related = ["merchant"]
    ordering = ["merchant__name", "id"]
    fieldsets = [
        (
            None,
            {
                "fields": ["merchant", "greets_birthdays", ("greets_absent", "absent_days")],
                "description": _("Only members who agreed to marketing messages are greeted, by e-mail."),
            },
        ),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*super().get_readonly_fields(request, obj), *(["merchant"] if obj is not None else [])]
