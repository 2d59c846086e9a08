"""Exports of lists, as CSV or XLSX."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from unfold.contrib.import_export.forms import SelectableFieldsExportForm

from loyalty_site.tenants.scoping import MerchantScopedAdmin

# What one request holds in memory; above it, filters make the list shorter.
MOST_ROWS = 50_000


class _Export(ExportMixin, admin.ModelAdmin):
    """Puts the mixin before Django's own class and after Unfold's."""


class ExportingAdmin(MerchantScopedAdmin, _Export):  # type: ignore[misc]
    """A list that can be taken along, as it is filtered, by whoever may change such rows; each merchant's own.

    `resource_classes` says which columns there are; there is no export without it.
    """

    export_form_class = SelectableFieldsExportForm
    formats = [CSV, XLSX]
    resource_classes: list[Any] = []

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.resource_classes) and self.holds(request, self.permission("export"))

    def get_export_formats(self) -> list[Any]:
        return list(self.formats)

    def get_export_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.narrowed(request, super().get_export_queryset(request), self.permission("export"))

    def get_valid_export_item_pks(self, request: HttpRequest) -> list[str]:
        """Of the rows named in the request, those that are there; not, as by default, the ids of the whole table."""
        named = [each for each in request.POST.getlist("export_items") if self._is_key(each)]
        return [str(pk) for pk in self.get_export_queryset(request).filter(pk__in=named).values_list("pk", flat=True)]

    def _is_key(self, text: str) -> bool:
        try:
            self.model._meta.pk.to_python(text)
        except ValidationError:
            return False
        return True

    def export_action(self, request: HttpRequest) -> HttpResponse:
        if not self.has_export_permission(request):
            raise PermissionDenied
        if request.method == "POST" and self._is_too_much(request):
            self.message_user(
                request,
                _("These are more than %(most)s rows. Narrow the list with its filters first.")
                % {"most": f"{MOST_ROWS:,}"},
                level="ERROR",
            )
            return HttpResponseRedirect(request.get_full_path())
        return super().export_action(request)

    def _is_too_much(self, request: HttpRequest) -> bool:
        rows = self.get_export_queryset(request).order_by().values("pk")
        return rows[: MOST_ROWS + 1].count() > MOST_ROWS
