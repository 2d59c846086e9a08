"""The console's pages of merchants, their stores, their staff and their customers."""

from loyalty_site.tenants.admin import customers, erasures, merchants, staff, stores, users

__all__ = ["customers", "erasures", "merchants", "staff", "stores", "users"]
