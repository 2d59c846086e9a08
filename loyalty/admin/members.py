"""Members: found by name, address, phone or card; their page; what can be done to them."""

import re
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from import_export import resources
from import_export.fields import Field
from unfold.decorators import display

from loyalty import ledger
from loyalty.admin import member_reading as reading
from loyalty.admin.deed_pages import WithDeeds
from loyalty.admin.member_deeds import DEEDS, RestoreManyForm
from loyalty.models import Member, ReplacedCard
from loyalty.operations import restores
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.exports import ExportingAdmin

# A batch is one transaction, and its form names each member.
_MOST_AT_ONCE = 500
_LOOKS_LIKE_A_NUMBER = re.compile(r"^\+?[\d\s()./-]{6,}$")


class MemberResource(resources.ModelResource):
    """The columns of an export."""

    name = Field(attribute="customer__full_name", column_name="name")
    email = Field(attribute="customer__email", column_name="email")
    phone_number = Field(attribute="customer__phone_number", column_name="phone_number")
    external_ref = Field(attribute="customer__external_ref", column_name="external_ref")
    tier = Field(attribute="tier__slug", column_name="tier")
    points_balance = Field(attribute="points_balance", column_name="points_balance")
    points_held = Field(attribute="points_held", column_name="points_held")
    lifetime_points = Field(attribute="lifetime_points", column_name="lifetime_points")
    stamp_count = Field(attribute="stamp_count", column_name="stamp_count")

    class Meta:
        model = Member
        fields = [
            "card_number",
            "name",
            "email",
            "phone_number",
            "external_ref",
            "tier",
            "points_balance",
            "points_held",
            "lifetime_points",
            "stamp_count",
            "enrolled_at",
            "last_activity_at",
            "is_active",
        ]


@admin.register(Member)
class MemberAdmin(ExportingAdmin, WithDeeds):  # type: ignore[misc]
    deeds = DEEDS
    merchant_path = "merchant_id"
    resource_classes = [MemberResource]
    list_display = ["person", "card_number", "balance", "stamps", "tier", "last_activity_at", "is_active", "merchant"]
    list_display_links = ["person", "card_number"]
    list_filter = ["merchant", "program", "tier", "is_active"]
    list_select_related = ["customer", "tier", "merchant", "program"]
    search_fields = [
        "^card_number",
        "customer__first_name",
        "customer__last_name",
        "customer__email",
        "customer__phone_number",
        "^customer__external_ref",
    ]
    search_help_text = gettext_lazy("Name, e-mail, phone or card number")
    ordering = ["-id"]
    actions = ["restore_points"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Members come by enrolling: at a till, at the join page, through the API."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    # --- The list ---------------------------------------------------------------------------------------------
    @display(description=gettext_lazy("name"), ordering="customer__last_name")
    def person(self, member: Member) -> str:
        return str(member.customer)

    @display(description=gettext_lazy("points"), ordering="points_balance")
    def balance(self, member: Member) -> str:
        return f"{member.points_balance:,}"

    @display(description=gettext_lazy("stamps"), ordering="stamp_count")
    def stamps(self, member: Member) -> str:
        return f"{member.stamp_count} / {member.program.stamps_target}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A number is read as it is printed, in groups; a replaced card finds whoever carries its successor."""
        term = search_term.strip()
        if _LOOKS_LIKE_A_NUMBER.match(term):
            # Numbers are kept as +352..., and nobody types one like that: the zeros in front stand for the country.
            term = re.sub(r"\D", "", term).lstrip("0")
        found, many = super().get_search_results(request, queryset, term)
        if term.isdecimal() and len(term) >= 8:
            replaced = ReplacedCard.objects.filter(card_number=term).values("member")
            found = found | queryset.filter(pk__in=replaced)
        return found, many

    @admin.action(description=gettext_lazy("Restore points"), permissions=["change"])
    def restore_points(self, request: HttpRequest, queryset: QuerySet[Member]) -> HttpResponse | None:
        """The same points for each of the chosen members, with a reason; all of them or, if refused, none."""
        wanted = queryset.count()
        if wanted > _MOST_AT_ONCE:
            limit = _("Choose at most %(most)s members at once.") % {"most": _MOST_AT_ONCE}
            self.message_user(request, limit, messages.ERROR)
            return None
        chosen = list(self.changeable(request, queryset).order_by("pk"))
        if len(chosen) != wanted:
            self.message_user(request, _("Some of these members are not yours to change."), messages.ERROR)
            return None
        form = RestoreManyForm(request.POST if "apply" in request.POST else None)
        if form.is_bound and form.is_valid() and self._restore(request, chosen, form):
            return None
        return TemplateResponse(
            request,
            "admin/loyalty/member/restore_many.html",
            {
                **self.admin_site.each_context(request),
                "title": _("Restore points"),
                "subtitle": ngettext("%(count)d member", "%(count)d members", len(chosen)) % {"count": len(chosen)},
                "opts": self.opts,
                "form": form,
                "members": chosen,
                "back": request.get_full_path(),
                "checkbox": ACTION_CHECKBOX_NAME,
                "media": self.media,
            },
        )

    def _restore(self, request: HttpRequest, chosen: list[Member], form: RestoreManyForm) -> bool:
        typed = form.cleaned_data
        try:
            restored = restores.restore_many(
                members=chosen,
                points=typed["points"],
                reason=typed["reason"],
                actor=request.user,  # type: ignore[arg-type]
                key=typed["key"],
                at=timezone.now(),
            )
        except ledger.KeyReused:
            form.add_error(None, _("This form was sent before with other values. Choose the members anew."))
            return False
        except Refusal as refusal:
            form.add_error(None, refusal.detail)
            return False
        done = {entry.member_id for entry in restored.done}
        for member in chosen:
            if member.pk in done:
                self.log_change(request, member, f"Restored {typed['points']:,} points: {typed['reason']}")
        figures = {"points": f"{typed['points']:,}", "count": len(chosen)}
        said = ngettext(
            "Restored %(points)s points to %(count)d member.",
            "Restored %(points)s points to each of %(count)d members.",
            len(chosen),
        )
        self.message_user(request, said % figures, messages.SUCCESS)
        return True

    # --- The page ---------------------------------------------------------------------------------------------
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The member's page. Nothing of it is typed: who they are is changed on the customer's page."""
        member = self.get_object(request, object_id)
        if member is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, member):
            raise PermissionDenied
        if request.method == "POST":
            return HttpResponseRedirect(self.address_of(member))
        before = request.GET.get("before", "")
        lots = reading.open_lots(member)
        return TemplateResponse(
            request,
            "admin/loyalty/member/page.html",
            {
                **self.admin_site.each_context(request),
                "title": str(member.customer),
                "opts": self.opts,
                "original": member,
                "member": member,
                "change": True,
                "show_history": True,
                "media": self.media,
                "page": reading.entries_page(member, int(before) if before.isdecimal() and len(before) < 10 else None),
                "lots": lots,
                "most_lots": reading.MOST_LOTS,
                "redemptions": reading.latest_redemptions(member),
                "next_expiry": reading.next_expiry(member, lots),
                "progress": reading.progress(member),
                "deeds": self.buttons(request, member),
                "may_change": self.has_change_permission(request, member),
                "now": timezone.now(),
                **(extra_context or {}),
            },
        )
