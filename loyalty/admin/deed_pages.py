"""Admin classes of rows that staff do things to: a button and a page for each deed."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from loyalty.admin.deeds import Deed, perform
from loyalty_site.tenants.scoping import MerchantScopedAdmin


class WithDeeds(MerchantScopedAdmin):
    """The pages of an admin class's `deeds`, and the buttons that lead to them."""

    deeds: Sequence[Deed] = ()

    def get_urls(self) -> list[Any]:
        pages = [
            path(
                f"<path:object_id>/{deed.name}/",
                self.admin_site.admin_view(self.deed_view),
                {"deed": deed},
                name=self._page(deed.name),
            )
            for deed in self.deeds
        ]
        return [*pages, *super().get_urls()]

    def deed_view(self, request: HttpRequest, object_id: str, deed: Any) -> HttpResponse:
        """Django's names: `object_id` is the row's key as the address has it."""
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return perform(self, request, row, deed, back=self.address_of(row))

    def address_of(self, row: Any) -> str:
        """The row's page."""
        return reverse(f"admin:{self._page('change')}", args=[row.pk])

    def buttons(self, request: HttpRequest, row: Any) -> list[tuple[Deed, str]]:
        """What this person may do to the row now, each with its address."""
        if row is None or not self.has_change_permission(request, row):
            return []
        return [
            (deed, reverse(f"admin:{self._page(deed.name)}", args=[row.pk]))
            for deed in self.deeds
            if deed.possible(row)
        ]

    def _page(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"


class DeedPages(WithDeeds):
    """Rows that are read, and changed by deeds alone."""

    change_form_template = "admin/loyalty/redemption/page.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "deeds": self.buttons(request, self.get_object(request, object_id)),
            "show_save": False,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)
