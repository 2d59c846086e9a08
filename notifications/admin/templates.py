"""A merchant's own texts beside the defaults."""

from typing import Any
from urllib.parse import urlencode

from csp.constants import SELF
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSelectWidget

from loyalty.admin.deeds import new_key
from loyalty_site.tenants import permissions
from loyalty_site.tenants.scoping import MerchantScopedAdmin
from notifications import mail_html
from notifications.admin import template_pages
from notifications.admin.template_form import OverrideForm, parts_of
from notifications.catalogue import CODES
from notifications.models import Channel, TemplateOverride

_PLACE = ("merchant", "store", "code", "channel", "locale")


@admin.register(TemplateOverride)
class TemplateOverrideAdmin(MerchantScopedAdmin):
    """The list shows every message, with a text of the merchant's own or without."""

    merchant_path = "merchant_id"
    deletable = True
    form = OverrideForm
    change_form_template = "admin/notifications/templateoverride/form.html"
    list_select_related = ["merchant", "store"]
    ordering = ["code", "channel", "locale", "id"]

    # --- The form ---------------------------------------------------------------------------------------------
    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        channel = obj.channel if obj is not None else request.POST.get("channel") or request.GET.get("channel", "")
        return [*_PLACE, *parts_of(channel if channel in Channel else Channel.EMAIL)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """A text stays what it is of."""
        return [*super().get_readonly_fields(request, obj), *(_PLACE[1:] if obj is not None else [])]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in ("code", "locale"):
            choices = (
                list(template_pages.LANGUAGES.items())
                if db_field.name == "locale"
                else [(each.code, f"{each.title} ({each.code})") for each in CODES.values()]
            )
            return forms.ChoiceField(
                choices=choices, label=db_field.verbose_name.capitalize(), widget=UnfoldAdminSelectWidget
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What is sent now, to begin with; an e-mail's text part is made anew from its HTML."""
        initial = super().get_changeform_initial_data(request)
        if not {"code", "channel"} <= initial.keys():
            return initial
        place = template_pages.place_of(self, request, request.GET, "add")
        sent = template_pages.text_at(place, initial["code"], initial["channel"]).sent
        if sent is not None:
            initial |= {"subject": sent.subject, "html": sent.html, "text": "" if sent.html else sent.text}
        return {**initial, "merchant": place.merchant.pk, "locale": place.locale}

    def save_model(self, request: HttpRequest, obj: TemplateOverride, form: Any, change: bool) -> None:
        obj.updated_at = timezone.now()
        super().save_model(request, obj, form, change)
        tags = mail_html.left_out(obj.html)
        if tags:
            messages.warning(
                request,
                _("Left out of the mail, since it is not safe or not shown there: %s.")
                % ", ".join(f"<{tag}>" for tag in tags),
            )

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **more: Any) -> Any:
        """With the default, the variables and the preview beside the form."""
        obj = context.get("original")
        context["show_save_and_add_another"] = False
        place = _place_typed(self, request, obj)
        if place is not None:
            at, code, channel = place
            there = template_pages.text_at(at, code, channel)
            asked = {**at.query, "code": code, "channel": channel}
            context |= {
                "there": there,
                "asked": asked,
                "preview": f"{reverse('admin:notifications_templateoverride_preview')}?{urlencode(asked)}",
                "overview": f"{reverse('admin:notifications_templateoverride_changelist')}?{urlencode(at.query)}",
                "variables": there.code.variables.values(),
                "key": new_key(),
                "may_test": channel == Channel.EMAIL
                and obj is not None
                and permissions.may(request.user, self.permission("change"), at.merchant),
            }
        response = super().render_change_form(request, context, *args, **more)
        # The preview is a frame of ours.
        response._csp_update = {"frame-src": [SELF]}
        return response

    def _after(self, obj: TemplateOverride) -> str:
        asked = {"merchant": obj.merchant_id, "store": obj.store_id or "", "locale": obj.locale}
        return f"{reverse('admin:notifications_templateoverride_changelist')}?{urlencode(asked)}"

    def response_post_save_add(self, request: HttpRequest, obj: TemplateOverride) -> HttpResponse:
        return HttpResponseRedirect(self._after(obj))

    def response_post_save_change(self, request: HttpRequest, obj: TemplateOverride) -> HttpResponse:
        return HttpResponseRedirect(self._after(obj))

    # --- Pages ------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[Any]:
        pages = [("preview", self.preview_view), ("test", self.test_view)]
        return [
            *(
                path(f"{name}/", self.admin_site.admin_view(view), name=f"notifications_templateoverride_{name}")
                for name, view in pages
            ),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self._demand_view(request)
        return template_pages.overview(self, request)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        self._demand_view(request)
        return template_pages.preview(self, request)

    def test_view(self, request: HttpRequest) -> HttpResponse:
        self._demand_view(request)
        return template_pages.send_test(self, request)

    def _demand_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


def _place_typed(
    model_admin: Any, request: HttpRequest, obj: TemplateOverride | None
) -> tuple[template_pages.Place, str, str] | None:
    """The place of the row, or of the form being filled in; None where it does not say yet."""
    if obj is not None:
        return template_pages.Place(obj.merchant, obj.store, obj.locale), obj.code, obj.channel
    code, channel = request.GET.get("code", ""), request.GET.get("channel", "")
    try:
        place = template_pages.place_of(model_admin, request, request.GET, "add")
        template_pages.text_at(place, code, channel)
    except Http404:
        return None
    return place, code, channel
