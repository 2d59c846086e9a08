"""Pages of a row with buttons, each of which leads to a form that does one thing."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from loyalty.admin.deeds import Deed, perform
from loyalty.models import Member
from loyalty_site.tenants.scoping import MerchantScopedAdmin

TEMPLATE = "admin/loyalty/redemption/page.html"


class DeedAdmin(MerchantScopedAdmin):
    """Rows that are read, and changed by deeds alone."""

    deeds: Sequence[Deed] = ()
    change_form_template = TEMPLATE

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return list(self.get_fields(request, obj)) if obj is not None else []

    def get_urls(self) -> list[Any]:
        pages = [
            path(
                f"<path:object_id>/{deed.name}/",
                self.admin_site.admin_view(self.deed_view),
                {"deed": deed},
                name=self._page(deed),
            )
            for deed in self.deeds
        ]
        return [*pages, *super().get_urls()]

    def deed_view(self, request: HttpRequest, object_id: str, deed: Any) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        return perform(self, request, row, deed, back=back)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        may = row is not None and self.has_change_permission(request, row)
        context = {
            "deeds": [
                (deed, reverse(f"admin:{self._page(deed)}", args=[row.pk]))
                for deed in self.deeds
                if may and deed.possible(row)
            ],
            "show_save": False,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)

    def _page(self, deed: Deed) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{deed.name}"


def link(page: str, key: Any, text: Any) -> SafeString:
    """A link to a row's page."""
    return format_html('<a class="console-link" href="{}">{}</a>', reverse(f"admin:{page}_change", args=[key]), text)


def member_link(member: Member | None) -> str:
    """A link to the member's page, by card number."""
    return link("loyalty_member", member.pk, member.card_number) if member is not None else "-"
