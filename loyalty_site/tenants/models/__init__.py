from loyalty_site.tenants.models.customers import Customer
from loyalty_site.tenants.models.erasures import ErasureRequest
from loyalty_site.tenants.models.merchants import Merchant, Store
from loyalty_site.tenants.models.staff import Role, StaffRole
from loyalty_site.tenants.models.users import User

__all__ = ["Customer", "ErasureRequest", "Merchant", "Role", "StaffRole", "Store", "User"]
