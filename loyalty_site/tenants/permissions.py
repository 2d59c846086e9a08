"""What each role may do.

Permissions carry Django's names (`loyalty.view_member`), so that the admin asks for them as it always does; which
rows they hold for is `scoping`'s business.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend

from loyalty_site.tenants.models import Merchant, Role, StaffRole, User

_VIEW_ALL = frozenset({Role.OWNER, Role.MANAGER, Role.ANALYST, Role.PLATFORM})
_MANAGE = frozenset({Role.OWNER, Role.MANAGER, Role.PLATFORM})
_OWN = frozenset({Role.OWNER, Role.PLATFORM})
_PLATFORM = frozenset({Role.PLATFORM})
_EVERYONE = frozenset(Role)

# Which roles may view, and which may add, change and delete; what is not named here is the platform's alone.
_RULES: dict[str, tuple[frozenset[Role], frozenset[Role]]] = {
    "tenants.merchant": (_EVERYONE, _OWN),
    "tenants.store": (_EVERYONE, _OWN),
    "tenants.staffrole": (_OWN, _OWN),
    "tenants.user": (_OWN, _PLATFORM),
    "tenants.customer": (_EVERYONE, _MANAGE),
    "tenants.erasurerequest": (_EVERYONE, _MANAGE),
    "loyalty.program": (_EVERYONE, _MANAGE),
    "loyalty.tier": (_EVERYONE, _MANAGE),
    "loyalty.reward": (_EVERYONE, _MANAGE),
    "loyalty.member": (_EVERYONE, _MANAGE),
    "loyalty.ledgerentry": (_EVERYONE, _MANAGE),
    "loyalty.pointlot": (_EVERYONE, _MANAGE),
    "loyalty.redemption": (_EVERYONE, _MANAGE),
    "loyalty.checkoutintent": (_EVERYONE, _MANAGE),
    "notifications.nudgecampaign": (_EVERYONE, _MANAGE),
    "notifications.nudge": (_EVERYONE, _MANAGE),
    "notifications.nudgedispatchevent": (_EVERYONE, _MANAGE),
    "referrals.invite": (_EVERYONE, _MANAGE),
    "referrals.referralreview": (_VIEW_ALL, _MANAGE),
    "referrals.guardrailoverride": (_VIEW_ALL, _MANAGE),
    "referrals.guardrailauditevent": (_VIEW_ALL, _MANAGE),
    "referrals.referralsettings": (_EVERYONE, _MANAGE),
    "jobs.run": (_VIEW_ALL, _MANAGE),
    "referrals.analyticssnapshot": (_VIEW_ALL, _PLATFORM),
    "http.apikey": (_OWN, _OWN),
    "notifications.webhookendpoint": (_MANAGE, _MANAGE),
    "notifications.webhookdelivery": (_MANAGE, _MANAGE),
    "notifications.message": (_VIEW_ALL, _MANAGE),
    "notifications.delivery": (_VIEW_ALL, _MANAGE),
    "notifications.suppression": (_VIEW_ALL, _MANAGE),
    "notifications.templateoverride": (_VIEW_ALL, _MANAGE),
    "notifications.greetingsettings": (_VIEW_ALL, _MANAGE),
}

# A role at one store knows the merchant's members, since a card is good at every store, and helps them; what holds for
# the whole merchant it may look at, and staff and runs are not its business.
_STORE_MAY_CHANGE = frozenset({"tenants.customer", "loyalty.member", "loyalty.redemption"})
_STORE_MAY_NOT_VIEW = frozenset(
    {
        "tenants.staffrole",
        "tenants.user",
        "jobs.run",
        "http.apikey",
        "notifications.webhookendpoint",
        "notifications.webhookdelivery",
        "referrals.referralreview",
        "referrals.analyticssnapshot",
    }
)


def roles_allowed(permission: str) -> frozenset[Role]:
    """The roles that hold a permission such as `loyalty.change_member`."""
    action, model = _parts(permission)
    viewers, changers = _RULES.get(model, (_PLATFORM, _PLATFORM))
    return viewers if action == "view" else changers


def holds(role: StaffRole, permission: str) -> bool:
    """Whether this one role holds the permission, at the place it is for."""
    if role.role not in roles_allowed(permission):
        return False
    if role.store_id is None:
        return True
    action, model = _parts(permission)
    return model not in _STORE_MAY_NOT_VIEW if action == "view" else model in _STORE_MAY_CHANGE


def _parts(permission: str) -> tuple[str, str]:
    """`loyalty.change_member` as ("change", "loyalty.member")."""
    app_label, _, codename = permission.partition(".")
    action, _, model = codename.partition("_")
    return action, f"{app_label}.{model}"


@cache
def _all_permissions() -> frozenset[str]:
    actions = ("view", "add", "change", "delete")
    return frozenset(f"{label.split('.')[0]}.{action}_{label.split('.')[1]}" for label in _RULES for action in actions)


def staff_roles(user: Any) -> list[StaffRole]:
    """The roles of a user, read once for each user object: one query a request."""
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return []
    if not hasattr(user, "_staff_roles"):
        user._staff_roles = list(user.staff_roles.all())
    return user._staff_roles


def keep_roles(user: User, roles: list[StaffRole]) -> None:
    """Let the user's roles be these, which were read with the user: nobody needs to ask for them again."""
    user._staff_roles = roles  # type: ignore[attr-defined]


def is_platform(user: Any) -> bool:
    """Whether every merchant is open to this user."""
    return bool(getattr(user, "is_superuser", False) and user.is_active) or any(
        role.role == Role.PLATFORM for role in staff_roles(user)
    )


def merchants_where(user: Any, permission: str) -> list[UUID]:
    """Ids of the merchants at which one of the user's roles holds the permission. A platform user: ask first."""
    return [role.merchant_id for role in staff_roles(user) if role.merchant_id and holds(role, permission)]


def holds_anywhere(user: Any, permission: str) -> bool:
    """Whether the user holds the permission at some merchant."""
    return is_platform(user) or any(holds(role, permission) for role in staff_roles(user))


def may(user: Any, permission: str, merchant: Merchant | UUID) -> bool:
    """Whether the user holds the permission at this merchant."""
    if is_platform(user):
        return True
    merchant_id = merchant.pk if isinstance(merchant, Merchant) else merchant
    return merchant_id in merchants_where(user, permission)


class RoleBackend(BaseBackend):
    """Answers Django's permission questions from staff roles: true where any role of the user allows it."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if not user_obj.is_active:
            return False
        return holds_anywhere(user_obj, perm)

    def has_module_perms(self, user_obj: User, app_label: str) -> bool:
        return is_platform(user_obj) or any(
            self.has_perm(user_obj, permission)
            for permission in _all_permissions()
            if permission.startswith(f"{app_label}.")
        )

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        permissions: Iterable[str] = _all_permissions()
        return {permission for permission in permissions if self.has_perm(user_obj, permission)}
