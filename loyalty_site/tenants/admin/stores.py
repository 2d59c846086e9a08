"""Stores: shops, tills and web shops."""

from django.contrib import admin

from loyalty_site.tenants.models import Store
from loyalty_site.tenants.scoping import MerchantScopedAdmin


@admin.register(Store)
class StoreAdmin(MerchantScopedAdmin):
    merchant_path = "merchant_id"
    store_path = "pk"
    list_display = ["name", "reference", "merchant", "is_active"]
    list_filter = ["merchant", "is_active"]
    list_select_related = ["merchant"]
    search_fields = ["name", "reference"]
    fields = ["merchant", "name", "reference", "is_active"]
    ordering = ["name", "id"]
