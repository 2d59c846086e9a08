"""Programs: the rules, with an example beside them, and the expiry they lead to."""

from decimal import Decimal, InvalidOperation
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty import background
from loyalty.admin import expiry_pages
from loyalty.admin.program_form import ProgramForm
from loyalty.admin.tiers import TiersOfProgram
from loyalty.models import Program, Tier
from loyalty.operations import orders
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import User
from loyalty_site.tenants.scoping import MerchantScopedAdmin

_EXAMPLE = Decimal("12.50")
_LARGEST_RATE = Decimal(10) ** 6


@admin.register(Program)
class ProgramAdmin(MerchantScopedAdmin):
    merchant_path = "merchant_id"
    form = ProgramForm
    inlines = [TiersOfProgram]
    change_form_template = "admin/loyalty/program/page.html"
    list_display = ["name", "merchant", "currency", "points_per_unit", "expiry_policy", "is_active"]
    list_filter = ["merchant", "is_active"]
    list_select_related = ["merchant"]
    search_fields = ["name"]
    ordering = ["name", "id"]
    fieldsets = [
        (
            None,
            {"fields": ["seen", "merchant", "name", "is_active", ("currency", "point_value"), ("locale", "time_zone")]},
        ),
        (
            gettext_lazy("Earning"),
            {
                "fields": [
                    ("points_per_unit", "minimum_purchase"),
                    ("max_points_per_order", "max_points_per_day"),
                    "welcome_bonus",
                ],
                "classes": ["program-earning"],
            },
        ),
        (gettext_lazy("Joining"), {"fields": ["double_opt_in"]}),
        (gettext_lazy("Stamps"), {"fields": ["stamps_target", ("minutes_between_stamps", "stamps_per_day")]}),
        (
            gettext_lazy("Expiry"),
            {
                "fields": [
                    "expiry_policy",
                    ("points_expiration_days", "points_valid_days"),
                    ("expiration_warning_days", "warn_before_expiring"),
                ]
            },
        ),
        (gettext_lazy("Holds and voids"), {"fields": [("hold_days", "void_hours")]}),
        (
            gettext_lazy("Reaching tiers"),
            {
                "fields": [("tier_basis", "downgrade_policy"), "downgrade_warning_days"],
                "description": gettext_lazy(
                    "A tier is reached at once, and lowered, if at all, by the hourly run: a member whose points no "
                    "longer reach it is warned once, keeps the tier for the days of warning, and keeps it for good "
                    "if the points are back by then. One tier down: each further step is warned of anew. When you "
                    "change tiers or what they go by, members are raised within moments; nobody falls unwarned."
                ),
            },
        ),
    ]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        typed = [background.RETIERS_TIER.intersection(each.changed_data) for formset in formsets for each in formset]
        if any(typed) or background.RETIERS_PROGRAM.intersection(form.changed_data):
            background.ask_for_retiering(program=form.instance, actor=cast(User, request.user), at=timezone.now())

    def get_urls(self) -> list[Any]:
        pages = [
            ("example", self.example_view),
            ("expiry", self.expiry_view),
            ("expire-now", self.expire_now_view),
        ]
        return [
            *(
                path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"loyalty_program_{name}")
                for name, view in pages
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        program = self.get_object(request, object_id)
        context: dict[str, Any] = {"example_amount": str(_EXAMPLE)}
        if program is not None:
            context |= {
                "example": example(program, None, _EXAMPLE),
                "may_preview": expiry_pages.may_preview(request, program),
            }
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def example_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What a purchase earns under the rules as they stand in the form, by tier: JSON for the page's script."""
        program = self._program(request, object_id)
        given = request.GET
        try:
            amount = orders.money(Decimal(given.get("amount", str(_EXAMPLE)).replace(",", ".")))
            for name in ("points_per_unit", "minimum_purchase"):
                if name in given:
                    setattr(program, name, _decimal(given[name]))
            if "max_points_per_order" in given:
                program.max_points_per_order = (
                    int(given["max_points_per_order"]) if given["max_points_per_order"] else None
                )
        except (InvalidOperation, ValueError, Refusal):
            return JsonResponse({"lines": [_("Give an amount such as 12.50.")]})
        program.max_points_per_day = None
        lines = [example(program, tier, amount) for tier in (None, *program.ladder)]
        return JsonResponse({"lines": lines})

    def expiry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return expiry_pages.preview(self, request, self._program(request, object_id))

    def expire_now_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return expiry_pages.expire_now(self, request, self._program(request, object_id))

    def _program(self, request: HttpRequest, object_id: str) -> Program:
        program = self.get_object(request, object_id)
        if program is None:
            self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, program):
            raise PermissionDenied
        return program


def example(program: Program, tier: Tier | None, amount: Decimal) -> str:
    """ "12.50 EUR earns 125 points", and why if it earns none."""
    worth = orders.worth(program, tier, amount)
    figures = {"amount": f"{amount:,.2f}", "currency": program.currency, "points": f"{worth.points:,}"}
    if tier is not None:
        figures["tier"] = tier.name
        return _("%(amount)s %(currency)s earns %(points)s points in %(tier)s.") % figures
    return _("%(amount)s %(currency)s earns %(points)s points.") % figures


def _decimal(text: str) -> Decimal:
    number = Decimal(text.replace(",", "."))
    if not number.is_finite() or not 0 <= number <= _LARGEST_RATE:
        raise ValueError(text)
    return number
