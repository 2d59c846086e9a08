"""Requests to be forgotten: who asked, and by when it is to be done. It is done on the member's page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.models import ErasureRequest
from loyalty_site.tenants.scoping import MerchantScopedAdmin, ReadOnly


class StateFilter(admin.SimpleListFilter):
    """Open requests first: they are what there is to do."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("late", _("Late")), ("done", _("Done"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        asked: dict[str | None, dict[str, Any]] = {
            "open": {"done_at": None},
            "late": {"done_at": None, "due_at__lt": timezone.now()},
            "done": {"done_at__isnull": False},
        }
        return rows.filter(**asked[self.value()]) if self.value() in asked else rows


@admin.register(ErasureRequest)
class ErasureRequestAdmin(ReadOnly, MerchantScopedAdmin):
    """Who asked to be forgotten. The member's page has the button that does it, which closes the request."""

    merchant_path = "merchant_id"
    list_display = ["person", "requested_at", "due_at", "state", "merchant"]
    list_filter = [StateFilter]
    list_select_related = ["customer", "merchant"]
    ordering = ["due_at"]
    fields = ["person", "members", "requested_at", "due_at", "done_at", "state"]
    readonly_fields = fields

    @display(description=_("customer"))
    def person(self, request: ErasureRequest) -> str:
        return str(_("forgotten") if request.done_at is not None else request.customer)

    @display(description=_("member"))
    def members(self, request: ErasureRequest) -> str:
        return format_html_join(
            " ",
            '<a class="console-link" href="{}">{}</a>',
            (
                (reverse("admin:loyalty_member_change", args=[member.pk]), member)
                for member in request.customer.memberships.order_by("pk")
            ),
        )

    @display(description=_("state"))
    def state(self, request: ErasureRequest) -> str:
        if request.done_at is not None:
            return pill(_("Done"), "success")
        return pill(_("Late"), "danger") if request.due_at < timezone.now() else pill(_("Open"), "warning")
