"""Accounts of staff: an owner sees those who work for their merchant; only the platform's people change them."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth import admin as _registers_groups  # noqa: F401
from django.contrib.auth.models import Group
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from loyalty_site.tenants import invitations, permissions
from loyalty_site.tenants.models import StaffRole, User
from loyalty_site.tenants.scoping import MerchantScopedAdmin, MerchantScopedInline

# Roles say who may do what, at which merchant; Django's groups know no merchants.
admin.site.unregister(Group)


class RolesOfUser(MerchantScopedInline):
    """Where the user works, as far as the one who looks works there too."""

    model = StaffRole
    fields = readonly_fields = ["merchant", "store", "role"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(MerchantScopedAdmin):
    merchant_path = "staff_roles__merchant_id"
    list_display = ["email", "name", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    fields = ["email", "name", "is_active", "created_at"]
    readonly_fields = ["created_at"]
    inlines = [RolesOfUser]
    actions_detail = ["choose_password"]

    def at(self, merchant_id: UUID, store_id: UUID | None) -> Q:
        """By a subquery: a join would show a user once for each role."""
        return Q(pk__in=StaffRole.objects.filter(merchant_id=merchant_id).values("user"))

    def merchants_of(self, row: Any) -> set[UUID]:
        return set(
            StaffRole.objects.filter(user_id=row.pk, merchant__isnull=False).values_list("merchant_id", flat=True)
        )

    @action(
        description=gettext_lazy("Link to choose a password"),
        url_path="password-link",
        icon="key",
        permissions=["change"],
    )
    def choose_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a link, once, with which the user chooses a new password."""
        user = self.get_object(request, object_id)
        if user is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not permissions.is_platform(request.user):
            return HttpResponse(status=403)
        text = _("With this link %(person)s chooses a password, once, within three days:") % {"person": user}
        messages.info(request, format_html("{} <code>{}</code>", text, invitations.password_link(request, user)))
        return HttpResponseRedirect(reverse("admin:tenants_user_change", args=[user.pk]))
