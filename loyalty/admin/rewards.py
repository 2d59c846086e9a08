"""Rewards: what points can become, how much of it is left, its picture and its pool of codes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminFileFieldWidget

from loyalty import links, pictures
from loyalty.admin.deeds import perform
from loyalty.admin.reward_codes import UPLOAD
from loyalty.models import Reward
from loyalty.operations import catalogue as operations
from loyalty.queries import catalogue
from loyalty_site.tenants.looks import pill
from loyalty_site.tenants.scoping import MerchantScopedAdmin

FEW = 5


class ShownPicture:
    """The picture there is, as a file field shows it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __str__(self) -> str:
        return _("the picture")


class RewardForm(forms.ModelForm):
    """A reward; its picture is told by its bytes."""

    picture = forms.FileField(
        label=gettext_lazy("Picture"),
        required=False,
        # So written, the widget shows the picture there is; what may come is read in its bytes.
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/*"}),
        help_text=gettext_lazy("PNG, JPEG or WebP, at most 1 MB and 4,000 pixels a side."),
    )

    class Meta:
        model = Reward
        fields = [
            "program", "name", "slug", "description", "cost_points", "kind", "sku", "instructions",
            "starts_at", "ends_at", "stock", "limit_per_member", "minimum_tier", "is_active",
        ]  # fmt: skip
        widgets = {
            name: UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2}) for name in ("description", "instructions")
        }

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if "stock" in self.fields:
            # The form remembers what it showed: see `change_reward`.
            self.fields["stock"].show_hidden_initial = True
        picture_id = getattr(self.instance, "picture_id", None)
        if picture_id is not None and "picture" in self.fields:
            self.fields["picture"].initial = ShownPicture(links.picture(picture_id))

    def clean_picture(self) -> Any:
        given = self.cleaned_data["picture"]
        if not isinstance(given, UploadedFile):
            return given
        if (given.size or 0) > pictures.MOST_BYTES:
            raise forms.ValidationError(gettext_lazy("The picture is larger than 1 MB."))
        return pictures.read(given.read())

    @property
    def shown_stock(self) -> int | None:
        """The stock that stood in the form when it was opened."""
        bound = self["stock"]
        shown = bound.field.hidden_widget().value_from_datadict(self.data, self.files, bound.html_initial_name)
        try:
            return int(shown)
        except (TypeError, ValueError):
            return None


@admin.register(Reward)
class RewardAdmin(MerchantScopedAdmin):
    merchant_path = "program__merchant_id"
    form = RewardForm
    list_display = [
        "shown_name",
        "program",
        "cost_points",
        "kind",
        "shown_stock",
        "shown_codes",
        "shown_dates",
        "is_active",
    ]
    list_filter = ["program", "kind", "is_active"]
    list_select_related = ["program"]
    search_fields = ["name", "slug", "sku"]
    ordering = ["program", "cost_points", "id"]
    prepopulated_fields = {"slug": ["name"]}
    change_form_template = "admin/loyalty/redemption/page.html"
    fieldsets = [
        (None, {"fields": ["program", "name", "slug", "description", "picture", "cost_points", "is_active"]}),
        (gettext_lazy("What it is"), {"fields": ["kind", "sku", "instructions", "codes"]}),
        (
            gettext_lazy("Who gets it, when, and how often"),
            {"fields": ["starts_at", "ends_at", "stock", "limit_per_member", "minimum_tier"]},
        ),
    ]
    readonly_fields = ["codes"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return catalogue.with_codes_and_picture(super().get_queryset(request))

    def get_readonly_fields(self, request: Any, obj: Any = None) -> list[Any]:
        """A reward never moves to another program: members have asked for it there."""
        return [*super().get_readonly_fields(request, obj), *(["program"] if obj is not None else [])]

    def get_prepopulated_fields(self, request: Any, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else dict(super().get_prepopulated_fields(request, obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Codes are shown of what gives some."""
        if obj is not None and obj.gives_codes:
            return super().get_fieldsets(request, obj)
        shown = []
        for name, options in super().get_fieldsets(request, obj):
            shown.append((name, {**options, "fields": [field for field in options["fields"] if field != "codes"]}))
        return shown

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            self.demand_change(request, obj)
            columns = {field.name for field in Reward._meta.concrete_fields}
            fields = [name for name in form.changed_data if name in columns]
            operations.change_reward(reward=obj, fields=fields, shown_stock=form.shown_stock)
        else:
            super().save_model(request, obj, form, change)
        given = form.cleaned_data.get("picture")
        if given is False:
            operations.set_picture(reward=obj, picture=None)
        elif isinstance(given, pictures.Picture):
            operations.set_picture(reward=obj, picture=given)

    # --- What lists and pages show ---------------------------------------------------------------------------------
    @display(description=gettext_lazy("name"), ordering="name")
    def shown_name(self, reward: Any) -> str:
        if reward.picture_id is None:
            return reward.name
        return format_html(
            '<span class="console-pictured"><img src="{}" alt="" width="32" height="32" loading="lazy">{}</span>',
            links.picture(reward.picture_id),
            reward.name,
        )

    @display(description=gettext_lazy("units left"), ordering="stock")
    def shown_stock(self, reward: Any) -> str:
        if reward.stock is None:
            return "-"
        return pill(f"{reward.stock:,}", _colour(reward.stock))

    @display(description=gettext_lazy("codes left"))
    def shown_codes(self, reward: Any) -> str:
        if not reward.gives_codes:
            return "-"
        left = reward.codes_left or 0
        return pill(f"{left:,}", _colour(left))

    @display(description=gettext_lazy("codes"))
    def codes(self, reward: Any) -> str:
        left = reward.codes_left or 0
        given = reward.codes.filter(redemption__isnull=False).count()
        said = ngettext("%(left)s code left", "%(left)s codes left", left) % {"left": f"{left:,}"}
        return f"{said}, {given:,} {_('given')}"

    @display(description=gettext_lazy("available"), ordering="starts_at")
    def shown_dates(self, reward: Any) -> str:
        begin, end = (f"{each:%-d %b %Y}" if each is not None else "" for each in (reward.starts_at, reward.ends_at))
        return f"{begin} \N{EN DASH} {end}".strip() if begin or end else "-"

    # --- Codes ------------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[Any]:
        address = path(
            f"<path:object_id>/{UPLOAD.name}/",
            self.admin_site.admin_view(self.upload_view),
            name="loyalty_reward_codes",
        )
        return [address, *super().get_urls()]

    def upload_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward = self.get_object(request, object_id)
        if reward is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return perform(self, request, reward, UPLOAD, back=reverse("admin:loyalty_reward_change", args=[reward.pk]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        reward = self.get_object(request, object_id)
        may = reward is not None and self.has_change_permission(request, reward) and UPLOAD.possible(reward)
        deeds = [(UPLOAD, reverse("admin:loyalty_reward_codes", args=[object_id]))] if may else []
        return super().change_view(request, object_id, form_url, {"deeds": deeds, **(extra_context or {})})


def _colour(left: int) -> str:
    return "danger" if left == 0 else "warning" if left < FEW else "success"
