"""Nudge campaigns: what merchants change of them, and what they bring."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from loyalty_site.tenants.looks import pill
from notifications.admin.pages import SaysChannels
from notifications.models import Channel, NudgeCampaign
from notifications.nudges import lift

_PLACES = ("first_channel", "second_channel", "third_channel")


def _channel(label: Any, help_text: Any = "") -> forms.ChoiceField:
    choices = [("", gettext_lazy("none")), *Channel.choices]
    return forms.ChoiceField(
        label=label, choices=choices, required=False, widget=UnfoldAdminSelectWidget, help_text=help_text
    )


class CampaignForm(forms.ModelForm):
    """A campaign; its channels one after another."""

    first_channel = _channel(
        gettext_lazy("First channel"), gettext_lazy("None at all: members see the nudge, and it is not sent.")
    )
    second_channel = _channel(
        gettext_lazy("then"), gettext_lazy("Tried where the one before does not reach the member.")
    )
    third_channel = _channel(gettext_lazy("then"))

    class Meta:
        model = NudgeCampaign
        fields = [
            "merchant", "slug", "nudge_type", "is_active", "starts_at", "ends_at", "priority", "ttl_hours", "cap_hours",
            "held_out_percent", "lift_days",
        ]  # fmt: skip

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for place, channel in zip(_PLACES, self.instance.channels, strict=False):
            if place in self.fields:
                self.fields[place].initial = channel

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        channels = [given[place] for place in _PLACES if given.get(place)]
        if len(set(channels)) < len(channels):
            raise ValidationError(_("Name each channel once."), code="repeated")
        if any(place in self.fields for place in _PLACES):
            self.instance.channels = channels
        return given


@admin.register(NudgeCampaign)
class NudgeCampaignAdmin(SaysChannels):
    merchant_path = "merchant_id"
    form = CampaignForm
    change_form_template = "admin/notifications/nudgecampaign/page.html"
    list_display = [
        "slug", "merchant", "nudge_type", "shown_state", "priority", "shown_channels", "cap_hours", "held_out_percent",
    ]  # fmt: skip
    list_filter = ["merchant", "nudge_type", "is_active"]
    list_select_related = ["merchant"]
    search_fields = ["slug"]
    ordering = ["merchant", "-priority", "slug"]
    fieldsets = [
        (None, {"fields": ["merchant", ("slug", "nudge_type"), "is_active", ("starts_at", "ends_at")]}),
        (gettext_lazy("What members see"), {"fields": [("priority", "ttl_hours")]}),
        (
            gettext_lazy("Messages"),
            {
                "fields": [_PLACES, "cap_hours"],
                "description": gettext_lazy("Only members who agreed to marketing messages get any."),
            },
        ),
        (gettext_lazy("Does it help?"), {"fields": [("held_out_percent", "lift_days")]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """What nudges and figures go by stays."""
        return [*super().get_readonly_fields(request, obj), *(["slug", "nudge_type"] if obj is not None else [])]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        campaign = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if campaign is not None and self.has_view_permission(request, campaign):
            context["lift"] = _shown(lift.of(campaign))
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    @display(description=gettext_lazy("state"))
    def shown_state(self, campaign: NudgeCampaign) -> str:
        now = timezone.now()
        if campaign.is_in_force(now):
            return pill(_("In force"), "success")
        if not campaign.is_active:
            return pill(_("Off"))
        return pill(_("Not begun"), "info") if (campaign.starts_at or now) > now else pill(_("Over"))

    @display(description=gettext_lazy("channels"))
    def shown_channels(self, campaign: NudgeCampaign) -> str:
        return ", ".join(str(Channel(channel).label) for channel in campaign.channels) or "-"


def _shown(found: lift.Lift) -> dict[str, Any]:
    """The figures as the page writes them: a line for each side, and by how much the first is ahead."""
    sides = [(_("Got messages"), found.nudged), (_("Held out"), found.held_out)]
    return {
        "sides": [
            {
                "name": name,
                "members": f"{side.members:,}",
                "redeemers": _with_share(side.redeemers, side.redeeming),
                "redemptions": f"{side.redemptions:,}",
                "buyers": _with_share(side.buyers, side.buying),
                "orders": f"{side.orders:,}",
            }
            for name, side in sides
        ],
        "redeeming": _points(found.redeeming),
        "buying": _points(found.buying),
    }


def _with_share(count: int, share: float | None) -> str:
    return f"{count:,}" if share is None else f"{count:,} ({share:.1%})"


def _points(ahead: float | None) -> str:
    return "-" if ahead is None else f"{ahead * 100:+.1f}"
