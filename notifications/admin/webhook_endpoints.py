"""Webhook endpoints: made with a secret that is shown once, rotated, tried out, switched on and off."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminURLInputWidget

from loyalty_site.refusals import Refusal
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin
from notifications import outbound
from notifications.models import WebhookEndpoint
from notifications.webhooks import endpoints, payloads


class EndpointForm(forms.ModelForm):
    """Where to post, and what."""

    url = forms.CharField(
        label=_("address"), max_length=2000, widget=UnfoldAdminURLInputWidget, help_text=_("Begins with https://.")
    )
    kinds = forms.MultipleChoiceField(
        label=_("events"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("None chosen: all events, those of later versions too."),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ["merchant", "label", "url", "kinds"]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        known = list(payloads.events())
        # What was chosen and is no more can be looked at, and taken away.
        chosen = [kind for kind in self.instance.kinds if kind not in known]
        self.fields["kinds"].choices = [(kind, kind) for kind in [*known, *chosen]]  # type: ignore[attr-defined]

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            outbound.checked(url)
        except outbound.TargetRefused as refusal:
            raise forms.ValidationError(refusal.detail, code=refusal.code) from refusal
        return url


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(MerchantScopedAdmin):
    """The secret of one is on the page that answers its making or rotation, and nowhere afterwards."""

    form = EndpointForm
    merchant_path = "merchant_id"
    list_display = ["label", "merchant", "url", "shown_kinds", "shown_state", "last_success_at", "failing_since"]
    list_filter = ["is_active", "merchant"]
    list_select_related = ["merchant"]
    search_fields = ["label", "url"]
    ordering = ["-id"]
    actions = ["send_test", "rotate", "switch_on", "switch_off"]
    _told = [
        "shown_state",
        "disabled_at",
        "failing_since",
        "last_success_at",
        "last_attempt_at",
        "previous_secret_until",
        "created_at",
        "deliveries_link",
    ]
    shown_if = {
        "disabled_at": "disabled_at",
        "failing_since": "failing_since",
        "last_success_at": "last_success_at",
        "last_attempt_at": "last_attempt_at",
        "previous_secret_until": "previous_secret_until",
    }

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        typed = ["merchant", "label", "url", "kinds"]
        if obj is None:
            return typed
        return [
            *typed,
            *(name for name in self._told if not (needed := self.shown_if.get(name)) or getattr(obj, needed)),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [] if obj is None else [*self._told, "merchant"]

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        # Whether the user may make one at that merchant was asked when the form was checked; this is the last look.
        if not self.holds(request, self.permission("add"), obj):
            raise PermissionDenied
        made, secret = endpoints.create(
            merchant=obj.merchant, label=obj.label, url=obj.url, kinds=obj.kinds, at=timezone.now()
        )
        obj.pk, obj._state.adding = made.pk, False
        obj.refresh_from_db()
        request._made_secrets = [(made, secret)]  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: Any = None) -> HttpResponse:
        if IS_POPUP_VAR in request.POST:
            return super().response_add(request, obj, post_url_continue)
        return self._show(request, request._made_secrets)  # type: ignore[attr-defined]

    # --- What is done to them ---------------------------------------------------------------------------------
    @admin.action(description=_("Send a test event"), permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """One signed `webhooks.test` to each; what became of it is in the log a moment later."""
        sent = 0
        for endpoint in self.changeable(request, queryset):
            try:
                endpoints.send_test(endpoint=endpoint, at=timezone.now())
            except Refusal as refusal:
                messages.warning(request, f"{endpoint}: {refusal.detail}")
            else:
                sent += 1
        if sent:
            address = reverse("admin:notifications_webhookdelivery_changelist")
            said = ngettext("A test event is on its way.", "%(count)s test events are on their way.", sent)
            link = format_html('{} <a class="console-link" href="{}">{}</a>', said % {"count": sent}, address, _("Log"))
            messages.success(request, link)

    @admin.action(description=_("Rotate: a new secret, and a day for the old one"), permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> HttpResponse | None:
        """A new secret for each; the old one signs beside it for a day."""
        made = []
        for endpoint in self.changeable(request, queryset):
            made.append((endpoint, endpoints.rotate(endpoint=endpoint, at=timezone.now())))
            self.log_change(request, endpoint, "Rotated the secret.")
        return self._show(request, made) if made else None

    @admin.action(description=_("Switch on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Post to them again."""
        switched = list(self.changeable(request, queryset).filter(is_active=False))
        for endpoint in switched:
            endpoints.switch_on(endpoint=endpoint, at=timezone.now())
            self.log_change(request, endpoint, "Switched on.")
        said = ngettext("%(count)s endpoint is on again.", "%(count)s endpoints are on again.", len(switched))
        messages.success(request, said % {"count": len(switched)})

    @admin.action(description=_("Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[WebhookEndpoint]) -> None:
        """Post to them no more."""
        switched = list(self.changeable(request, queryset).filter(is_active=True))
        for endpoint in switched:
            endpoints.switch_off(endpoint=endpoint, at=timezone.now())
            self.log_change(request, endpoint, "Switched off.")
        said = ngettext("%(count)s endpoint is off.", "%(count)s endpoints are off.", len(switched))
        messages.success(request, said % {"count": len(switched)})

    def _show(self, request: HttpRequest, made: list[tuple[WebhookEndpoint, str]]) -> HttpResponse:
        """The secrets, in the answer itself: neither a message nor a session ever holds them."""
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Copy it now: it is not shown again"),
            "opts": self.opts,
            "made": made,
            "back": reverse("admin:notifications_webhookendpoint_changelist"),
        }
        return TemplateResponse(
            request, "admin/notifications/webhookendpoint/made.html", context, headers={"Cache-Control": "no-store"}
        )

    # --- How they look ----------------------------------------------------------------------------------------
    @display(description=_("events"))
    def shown_kinds(self, endpoint: WebhookEndpoint) -> str:
        if not endpoint.kinds:
            return gettext("all")
        return ", ".join(endpoint.kinds[:3]) + (" …" if len(endpoint.kinds) > 3 else "")

    @display(description=_("state"))
    def shown_state(self, endpoint: WebhookEndpoint) -> str:
        if not endpoint.is_active:
            return pill(endpoint.get_disabled_reason_display(), "danger")
        if endpoint.failing_since is not None:
            return pill(_("failing"), "warning")
        return pill(_("on"), "success")

    @display(description=_("log"))
    def deliveries_link(self, endpoint: WebhookEndpoint) -> str:
        address = reverse("admin:notifications_webhookdelivery_changelist")
        return format_html(
            '<a class="console-link" href="{}?endpoint__id__exact={}">{}</a>', address, endpoint.pk, _("Deliveries")
        )
