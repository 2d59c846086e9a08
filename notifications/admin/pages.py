"""Pages of rows that staff do something to: the buttons above, and a form for each."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse

from loyalty.admin.deeds import Deed, perform
from loyalty_site.tenants.scoping import MerchantScopedAdmin
from notifications.channels.states import states


class SaysChannels(MerchantScopedAdmin):
    """An admin class whose list says above it which channels send nothing."""

    list_before_template = "admin/notifications/channels.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "channels": states()})


class DeedPages(MerchantScopedAdmin):
    """An admin class whose rows are read, and changed by its deeds alone."""

    deeds: ClassVar[tuple[Deed, ...]] = ()
    change_form_template = "admin/loyalty/redemption/page.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def _address(self, deed: Deed) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{deed.name}"

    def get_urls(self) -> list[Any]:
        pages = [
            path(
                f"<path:object_id>/{deed.name}/",
                self.admin_site.admin_view(self.deed_view),
                {"deed": deed},
                name=self._address(deed),
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
                (deed, reverse(f"admin:{self._address(deed)}", args=[row.pk]))
                for deed in self.deeds
                if may and deed.possible(row)
            ],
            "show_save": False,
            "show_save_and_continue": False,
            **(extra_context or {}),
        }
        return super().change_view(request, object_id, form_url, context)
