"""API keys in the console: made, shown once, rotated, revoked."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from loyalty_site.http import keys
from loyalty_site.http.models import ApiKey, Scope
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin

OVERLAP = timedelta(hours=24)


class KeyForm(forms.ModelForm):
    """A new key: whose, for which store, to open what."""

    scopes = forms.MultipleChoiceField(
        label=_("opens"), choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget, initial=[Scope.STORE]
    )

    class Meta:
        model = ApiKey
        fields = ["merchant", "store", "name", "scopes", "expires_at"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        store, scopes = cleaned.get("store"), cleaned.get("scopes") or []
        if store is None and Scope.STORE in scopes:
            self.add_error("store", ValidationError(_("A key for the store door belongs to a store.")))
        if (expires_at := cleaned.get("expires_at")) is not None and expires_at <= timezone.now():
            self.add_error("expires_at", ValidationError(_("This moment has passed.")))
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(MerchantScopedAdmin):
    """Keys of a merchant. The text of one is on the page that answers its making, and nowhere afterwards."""

    merchant_path = "merchant_id"
    store_path = "store_id"
    list_display = ["name", "hint", "store", "shown_scopes", "shown_state", "expires_at", "last_used_at"]
    list_filter = ["store", "merchant"]
    list_select_related = ["merchant", "store"]
    search_fields = ["name", "=hint"]
    ordering = ["-id"]
    actions = ["rotate", "revoke"]
    _fixed = [
        "merchant",
        "store",
        "shown_scopes",
        "hint",
        "shown_state",
        "expires_at",
        "last_used_at",
        "created_by",
        "created_at",
    ]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A key that is made keeps what it opens; only what it is called can be changed."""
        return ["merchant", "store", "name", "scopes", "expires_at"] if obj is None else ["name", *self._fixed]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [] if obj is None else list(self._fixed)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = KeyForm
        return super().get_form(request, obj, change, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            obj.save(update_fields=["name"])
            return
        # Whether the user may make one at that merchant was asked when the form was checked; this is the last look.
        if not self.holds(request, self.permission("add"), obj):
            raise keys.InvalidKey
        made, text = keys.make(
            merchant=obj.merchant,
            store=obj.store,
            name=obj.name,
            scopes=list(obj.scopes),
            expires_at=obj.expires_at,
            at=timezone.now(),
            created_by=request.user,  # type: ignore[arg-type]
        )
        obj.pk, obj._state.adding = made.pk, False
        obj.refresh_from_db()
        request._made_keys = [(made, text)]  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None) -> HttpResponse:
        if IS_POPUP_VAR in request.POST:
            return super().response_add(request, obj, post_url_continue)
        return self._show(request, request._made_keys)  # type: ignore[attr-defined]

    @admin.action(description=_("Rotate: a new key, and a day for the old one"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        """A new key for each; the old ones live on for a day."""
        made = []
        for key in self.changeable(request, queryset):
            try:
                made.append(
                    keys.rotate(key=key, overlap=OVERLAP, at=timezone.now(), created_by=request.user)  # type: ignore[arg-type]
                )
            except Refusal as refusal:
                messages.warning(request, f"{key}: {refusal.detail}")
        return self._show(request, made) if made else None

    @admin.action(description=_("Revoke"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """End each of them now."""
        revoked = list(self.changeable(request, queryset))
        for key in revoked:
            keys.revoke(key=key, at=timezone.now())
            self.log_change(request, key, "Revoked.")
        text = ngettext("%d key opens nothing any more.", "%d keys open nothing any more.", len(revoked))
        messages.success(request, text % len(revoked))

    def _show(self, request: HttpRequest, made: list[tuple[ApiKey, str]]) -> HttpResponse:
        """The texts, in the answer itself: neither a message nor a session ever holds them."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("Copy it now: it is not shown again"),
            "opts": self.opts,
            "made": made,
            "back": reverse("admin:http_apikey_changelist"),
        }
        return TemplateResponse(request, "admin/http/apikey/made.html", context, headers={"Cache-Control": "no-store"})

    @display(description=_("opens"))
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description=_("state"))
    def shown_state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return pill(_("revoked"), "danger")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return pill(_("expired"), "warning")
        return pill(_("live"), "success")
