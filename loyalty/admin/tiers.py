"""Tiers: on their program's page, and as a list of their own."""

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import UnfoldAdminExpandableTextareaWidget

from loyalty import background
from loyalty.models import Member, Tier
from loyalty_site.tenants.models import User
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
    list_display = ["name", "program", "shown_threshold", "shown_multiplier", "members_in_it", "is_active"]
    list_filter = ["program", "is_active"]
    list_select_related = ["program"]
    search_fields = ["name", "slug"]
    ordering = ["program", "point_threshold", "id"]
    prepopulated_fields = {"slug": ["name"]}

    def get_readonly_fields(self, request: Any, obj: Any = None) -> list[Any]:
        """A tier never moves to another program: members stand on it."""
        return [*super().get_readonly_fields(request, obj), *(["program"] if obj is not None else [])]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list, and how many members stand on each of its tiers: one query for all of them."""
        changelist = super().get_changelist_instance(request)
        tiers = list(changelist.result_list)
        members = Member.objects.filter(program__in={tier.program_id for tier in tiers}, tier__in=tiers).order_by()
        there = dict(members.values_list("tier").annotate(there=Count("pk")))
        for tier in tiers:
            tier.members_there = there.get(tier.pk, 0)
        return changelist

    @admin.display(description=_("points needed"), ordering="point_threshold")
    def shown_threshold(self, tier: Tier) -> str:
        return f"{tier.point_threshold:,}"

    @admin.display(description=_("multiplier"), ordering="multiplier")
    def shown_multiplier(self, tier: Tier) -> str:
        return f"\N{MULTIPLICATION SIGN} {tier.multiplier.normalize():f}"

    @admin.display(description=_("members"))
    def members_in_it(self, tier: Any) -> str:
        return f"{tier.members_there:,}"

    def save_model(self, request: HttpRequest, obj: Tier, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if background.RETIERS_TIER.intersection(form.changed_data):
            background.ask_for_retiering(program=obj.program, actor=cast(User, request.user), at=timezone.now())

    def get_prepopulated_fields(self, request: Any, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else dict(super().get_prepopulated_fields(request, obj))
