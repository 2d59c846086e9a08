"""Merchants: an owner sees and names their own; the platform's people make them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from loyalty_site.tenants import permissions
from loyalty_site.tenants.models import Merchant
from loyalty_site.tenants.scoping import MerchantScopedAdmin


@admin.register(Merchant)
class MerchantAdmin(MerchantScopedAdmin):
    merchant_path = "pk"
    list_display = ["name", "slug", "is_active", "created_at"]
    list_filter = ["is_active"]
    search_fields = ["name", "slug"]
    fields = ["name", "slug", "is_active", "join_page", "created_at"]
    readonly_fields = ["join_page", "created_at"]
    ordering = ["name"]

    @admin.display(description=_("for new members"))
    def join_page(self, merchant: Merchant) -> str:
        """Where people join, and the poster that leads there."""
        if merchant._state.adding:
            return "-"
        poster = reverse("join-qr", args=[merchant.slug])
        return format_html(
            '<a class="console-link" href="{}">{}</a>, <a class="console-link" href="{}?format=pdf">{}</a>, '
            '<a class="console-link" href="{}">{}</a>',
            *(reverse("join", args=[merchant.slug]), _("page to join")),
            *(poster, _("poster as PDF"), poster, _("as SVG")),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return permissions.is_platform(request.user)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """A slug stands in addresses, and is one over all merchants: an owner neither changes nor probes it."""
        fields = super().get_readonly_fields(request, obj)
        return fields if permissions.is_platform(request.user) else [*fields, "slug", "is_active"]
