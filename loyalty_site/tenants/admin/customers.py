"""Customers: who a member is. Reached from the member's page; there is no list of customers in the menu."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from loyalty_site.tenants.models import Customer
from loyalty_site.tenants.scoping import MerchantScopedAdmin


@admin.register(Customer)
class CustomerAdmin(MerchantScopedAdmin):
    """What a merchant knows of a person. Consent is the person's to give, and shown as it was given."""

    merchant_path = "merchant_id"
    list_display = ["__str__", "email", "phone_number", "external_ref", "merchant"]
    list_select_related = ["merchant"]
    search_fields = ["first_name", "last_name", "email", "^phone_number", "^external_ref"]
    ordering = ["-id"]
    readonly_fields = [
        "user_id",
        "marketing_consent",
        "marketing_consent_at",
        "marketing_consent_source",
        "anonymized_at",
        "created_at",
    ]
    fieldsets = [
        (None, {"fields": ["first_name", "last_name", "email", "phone_number", "birth_date"]}),
        (_("At the shop"), {"fields": ["merchant", "external_ref", "user_id"]}),
        (_("Language and time"), {"fields": ["locale", "time_zone"]}),
        (
            _("Consent"),
            {"fields": ["marketing_consent", "marketing_consent_at", "marketing_consent_source"]},
        ),
        (_("Record"), {"fields": ["created_at", "anonymized_at"]}),
    ]

    def has_add_permission(self, request: object) -> bool:
        """A customer comes with a membership."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        if isinstance(obj, Customer) and obj.anonymized_at is not None:
            return False
        return bool(super().has_change_permission(request, obj))  # type: ignore[arg-type]
