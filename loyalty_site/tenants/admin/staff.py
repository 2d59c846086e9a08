"""Staff: an owner invites people and says what they may do at their own merchant."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from loyalty_site.refusals import Refusal
from loyalty_site.tenants import invitations, permissions
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import Merchant, Role, StaffRole, User
from loyalty_site.tenants.scoping import MerchantScopedAdmin

_COLOURS: dict[str, str] = {
    Role.OWNER: "success",
    Role.MANAGER: "info",
    Role.CASHIER: "warning",
    Role.ANALYST: "primary",
    Role.PLATFORM: "danger",
}


class RoleForm(forms.ModelForm):
    """A role changed; the last owner stays one."""

    class Meta:
        model = StaffRole
        fields = ["merchant", "store", "role"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        role = cleaned.get("role")
        if self.instance.role == Role.OWNER and role not in (None, Role.OWNER) and _is_last_owner(self.instance):
            self.add_error("role", _("This is the merchant's last owner."))
        return cleaned


class InvitationForm(RoleForm):
    """A person, and what they may do here."""

    email = forms.EmailField(label=gettext_lazy("E-mail address"), widget=UnfoldAdminEmailInputWidget)
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, required=False, widget=UnfoldAdminTextInputWidget
    )
    # Given by the admin class, for this request.
    inviter: User
    # Found by `clean`; None where the address is new.
    account: User | None = None

    field_order = ["email", "name", "merchant", "store", "role"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        role, merchant = cleaned.get("role"), cleaned.get("merchant")
        if (role == Role.PLATFORM) != (merchant is None):
            raise ValidationError(_("Only the platform role stands without a merchant."))
        if isinstance(merchant, Merchant) or permissions.is_platform(self.inviter):
            self._find_account(cleaned)
        return cleaned

    def _find_account(self, cleaned: dict[str, Any]) -> None:
        merchant = cleaned.get("merchant")
        try:
            self.account = invitations.account_of(
                cleaned["email"], inviter=self.inviter, merchant_id=merchant.pk if merchant else None
            )
        except Refusal as refusal:
            self.add_error("email", refusal.detail)
            return
        same = StaffRole.objects.filter(user=self.account, merchant=merchant, store=cleaned.get("store"))
        if self.account is not None and same.exists():
            self.add_error("email", _("This person has a role here already."))


@admin.register(StaffRole)
class StaffRoleAdmin(MerchantScopedAdmin):
    merchant_path = "merchant_id"
    deletable = True
    list_display = ["user", "email", "shown_role", "merchant", "store"]
    list_filter = ["merchant", "role"]
    list_select_related = ["user", "merchant", "store"]
    search_fields = ["user__email", "user__name"]
    ordering = ["merchant", "user__email", "id"]
    form = RoleForm

    @display(description=gettext_lazy("e-mail address"), ordering="user__email")
    def email(self, role: StaffRole) -> str:
        return role.user.email

    @display(description=gettext_lazy("role"), ordering="role")
    def shown_role(self, role: StaffRole) -> str:
        return pill(role.get_role_display(), _COLOURS.get(role.role))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        person = ["email", "name"] if obj is None else ["user"]
        return [*person, "merchant", "store", "role"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*super().get_readonly_fields(request, obj), *(["user"] if obj is not None else [])]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"role": Role.CASHIER, **super().get_changeform_initial_data(request)}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            return super().get_form(request, obj, change, **kwargs)
        form = super().get_form(request, obj, change, form=InvitationForm, **kwargs)
        form.inviter = request.user
        return form

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """An owner makes no platform people."""
        if db_field.name == "role" and not permissions.is_platform(request.user):
            kwargs["choices"] = [choice for choice in Role.choices if choice[0] != Role.PLATFORM]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, StaffRole) and obj.role == Role.OWNER and _is_last_owner(obj):
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Roles are taken away one by one: a list's deletion would not ask about last owners."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            cleaned = form.cleaned_data
            obj.user = form.account or User.objects.create_user(email=cleaned["email"], name=cleaned["name"])
        super().save_model(request, obj, form, change)
        if not change and not obj.user.has_usable_password():
            link = invitations.password_link(request, obj.user)
            text = _("Give this link to %(person)s. It lets them choose a password, once, within three days:")
            messages.info(request, format_html("{} <code>{}</code>", text % {"person": obj.user}, link))


def _is_last_owner(role: StaffRole) -> bool:
    if role.merchant_id is None:
        return False
    others = StaffRole.objects.filter(merchant_id=role.merchant_id, role=Role.OWNER, store=None)
    return not others.exclude(pk=role.pk).exists()
