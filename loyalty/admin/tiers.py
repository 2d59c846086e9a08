"""Tiers: on their program's page, and as a list of their own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminExpandableTextareaWidget

from loyalty.models import Tier
from loyalty_site.tenants.scoping import MerchantScopedAdmin, MerchantScopedInline


class OneALine(forms.Field):
    """A list of texts, typed one a line."""

    widget = UnfoldAdminExpandableTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(str(each) for each in value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


class TierForm(forms.ModelForm):
    """A tier; its benefits one a line."""

    benefits = OneALine(label=_("Benefits"), required=False, help_text=_("One a line."))

    class Meta:
        model = Tier
        fields = ["program", "name", "slug", "description", "point_threshold", "multiplier", "benefits", "is_active"]


class LadderFormSet(PaginationInlineFormSet):
    """The tiers of one program, typed together: no two active ones begin at the same points."""

    def clean(self) -> None:
        super().clean()
        seen: set[int] = set()
        for form in self.forms:
            typed = getattr(form, "cleaned_data", None) or {}
            threshold = typed.get("point_threshold")
            if threshold is None or not typed.get("is_active"):
                continue
            if threshold in seen:
                form.add_error("point_threshold", _("Another active tier begins at the same points."))
            seen.add(threshold)


class TiersOfProgram(MerchantScopedInline):
    """The ladder, lowest step first."""

    model = Tier
    form = TierForm
    formset = LadderFormSet
    fields = ["name", "slug", "point_threshold", "multiplier", "is_active"]
    ordering = ["point_threshold"]
    prepopulated_fields = {"slug": ["name"]}
    show_change_link = True


@admin.register(Tier)
class TierAdmin(MerchantScopedAdmin):
    merchant_path = "program__merchant_id"
    form = TierForm
    list_display = ["name", "program", "point_threshold", "multiplier", "is_active"]
    list_filter = ["program", "is_active"]
    list_select_related = ["program"]
    search_fields = ["name", "slug"]
    ordering = ["program", "point_threshold", "id"]
    prepopulated_fields = {"slug": ["name"]}

    def get_readonly_fields(self, request: Any, obj: Any = None) -> list[Any]:
        """A tier never moves to another program: members stand on it."""
        return [*super().get_readonly_fields(request, obj), *(["program"] if obj is not None else [])]

    def get_prepopulated_fields(self, request: Any, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else dict(super().get_prepopulated_fields(request, obj))
