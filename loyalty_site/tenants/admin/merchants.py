"""Merchants: an owner sees and names their own; the platform's people make them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant
from loyalty_site.tenants.scoping import MerchantScopedAdmin


@admin.register(Merchant)
class MerchantAdmin(MerchantScopedAdmin):
    merchant_path = "pk"
    list_display = ["name", "slug", "is_active", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["name", "slug"]
    fields = ["name", "slug", "is_active", "created_at"]
    readonly_fields = ["created_at"]
    ordering = ["name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return permissions.is_platform(request.user)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """A slug stands in addresses, and is one over all merchants: an owner neither changes nor probes it."""
        fields = super().get_readonly_fields(request, obj)
        return fields if permissions.is_platform(request.user) else [*fields, "slug", "is_active"]
