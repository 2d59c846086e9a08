"""What staff do to a member: each through the operation that everybody uses."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from loyalty.admin.deeds import Deed, Done, KeyedForm, ReasonForm
from loyalty.admin.member_reading import Restorable, restorable_entries
from loyalty.models import Member
from loyalty.operations import anonymization, cards, points, restores
from loyalty_site.tenants.models import User

_MOST = 10**12


class _ValueForm(ReasonForm):
    @property
    def facts(self) -> list[tuple[str, str]]:
        return [
            (_("Balance"), f"{self.row.points_balance:,}"),
            (_("Held"), f"{self.row.points_held:,}"),
            (_("Available"), f"{self.row.points_available:,}"),
        ]


class RestoreForm(_ValueForm):
    """Points, from an expiry that took them or out of goodwill."""

    entry = forms.ChoiceField(
        label=gettext_lazy("Give back"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("From an expiry, the points return into the lots they came from."),
    )
    points = forms.IntegerField(
        label=gettext_lazy("Points"),
        min_value=1,
        max_value=_MOST,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Empty, with an expiry chosen: all that it may still give back."),
    )
    field_order = ["entry", "points", "reason"]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.restorable: dict[str, Restorable] = {str(one.entry.pk): one for one in restorable_entries(self.row)}
        choices = [("", _("Points of its own, no expiry"))]
        for key, one in self.restorable.items():
            day = date_format(one.entry.occurred_at, "DATE_FORMAT")
            figures = {"day": day, "taken": f"{-one.entry.points_delta:,}", "room": f"{one.room:,}"}
            choices.append((key, _("Expiry of %(day)s: took %(taken)s, may give back %(room)s") % figures))
        self.fields["entry"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = self.restorable.get(cleaned.get("entry") or "")
        cleaned["entry"] = chosen.entry if chosen else None
        if not cleaned.get("points") and "points" not in self.errors:
            if chosen is None:
                self.add_error("points", _("Give the points to restore, or choose an expiry."))
            else:
                cleaned["points"] = chosen.room
        return cleaned


class RestoreManyForm(ReasonForm):
    """The same points for several members."""

    points = forms.IntegerField(
        label=gettext_lazy("Points for each"), min_value=1, max_value=_MOST, widget=UnfoldAdminIntegerFieldWidget
    )
    field_order = ["points", "reason"]


class AdjustForm(_ValueForm):
    """A correction, up or down."""

    points = forms.IntegerField(
        label=gettext_lazy("Points"),
        min_value=-_MOST,
        max_value=_MOST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("With a minus to take points away; what is held stays."),
    )
    field_order = ["points", "reason"]


class ReplaceForm(KeyedForm):
    """Why the card is replaced; kept with the old number, and forgotten with the person."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2}),
        help_text=gettext_lazy("Lost, stolen, worn. The old number is refused from now on."),
    )
    # A form sent twice must not replace the card that the first one gave out.
    card_number = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["card_number"].initial = self.row.card_number


class AnonymizeForm(KeyedForm):
    """The card number typed as a confirmation: this cannot be taken back."""

    card_number = forms.CharField(
        label=gettext_lazy("Card number"),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Type the card number to confirm."),
    )
    understood = forms.BooleanField(
        label=gettext_lazy("I understand that nobody can bring this person's data back"), widget=UnfoldBooleanWidget
    )

    @property
    def facts(self) -> list[tuple[str, str]]:
        return [(_("Card number"), self.row.card_number)]

    def clean_card_number(self) -> str:
        number = str(self.cleaned_data["card_number"]).replace(" ", "")
        if number != self.row.card_number:
            raise forms.ValidationError(_("This is not the card number."))
        return number


def _restore(member: Member, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    entry = restores.restore(
        member=member,
        points=typed["points"],
        reason=typed["reason"],
        actor=actor,
        key=typed["key"],
        at=at,
        entry=typed["entry"],
    )
    figures = {"points": f"{entry.points_delta:,}", "balance": f"{entry.points_balance_after:,}"}
    return Done(
        _("Restored %(points)s points; the balance after it is %(balance)s.") % figures,
        record=f"Restored {entry.points_delta:,} points: {typed['reason']}",
        mark=str(entry.pk),
    )


def _adjust(member: Member, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    entry = points.adjust(
        member=member, points=typed["points"], reason=typed["reason"], actor=actor, key=typed["key"], at=at
    )
    figures = {"points": f"{entry.points_delta:+,}", "balance": f"{entry.points_balance_after:,}"}
    return Done(
        _("Corrected by %(points)s points; the balance after it is %(balance)s.") % figures,
        record=f"Corrected by {entry.points_delta:+,} points: {typed['reason']}",
        mark=str(entry.pk),
    )


def _replace(member: Member, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    # The row is locked before it is looked at, so that of two forms one sees what the other did.
    now = Member.objects.select_for_update(no_key=True).get(pk=member.pk)
    if typed["card_number"] != now.card_number:
        return Done(
            _("The card was replaced: its number is %(number)s now.") % {"number": now.card_number}, mark=typed["key"]
        )
    member = cards.replace(member=member, reason=typed["reason"], at=at)
    return Done(
        _("The card was replaced: its number is %(number)s now.") % {"number": member.card_number},
        record=f"Replaced the card: {typed['reason']}",
        mark=typed["key"],
    )


def _deactivate(member: Member, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    cards.deactivate(member=member, at=at)
    return Done(_("The card is switched off."), record="Switched the card off", mark=typed["key"])


def _reactivate(member: Member, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    cards.reactivate(member=member, at=at)
    return Done(
        _("The card is switched on; its activity clock starts anew."), record="Switched the card on", mark=typed["key"]
    )


def _anonymize(member: Member, typed: dict[str, Any], actor: User, at: datetime) -> Done:
    anonymization.anonymize(member=member, at=at)
    return Done(_("The person is forgotten; amounts and dates stay in the books."), record="Anonymized")


def _is_known(member: Member) -> bool:
    return member.customer.anonymized_at is None


RESTORE = Deed(
    "restore",
    gettext_lazy("Restore points"),
    gettext_lazy("Restore points"),
    _restore,
    RestoreForm,
    gettext_lazy("Gives points back with a reason, and restarts the member's activity clock."),
)
ADJUST = Deed(
    "adjust",
    gettext_lazy("Adjust points"),
    gettext_lazy("Adjust points"),
    _adjust,
    AdjustForm,
    gettext_lazy("Corrects the balance. It is no activity, and lifetime points stay."),
)
REPLACE = Deed(
    "replace-card",
    gettext_lazy("Replace the card"),
    gettext_lazy("Replace the card"),
    _replace,
    ReplaceForm,
    gettext_lazy("Gives the member a new card number. Points, stamps and tier stay with the member."),
    possible=_is_known,
)
DEACTIVATE = Deed(
    "deactivate",
    gettext_lazy("Switch the card off"),
    gettext_lazy("Switch off"),
    _deactivate,
    intro=gettext_lazy("The card neither earns nor spends, and no run touches it. Points stay; open holds stay."),
    possible=lambda member: member.is_active,
)
REACTIVATE = Deed(
    "reactivate",
    gettext_lazy("Switch the card on"),
    gettext_lazy("Switch on"),
    _reactivate,
    intro=gettext_lazy("The card earns and spends again, and its activity clock starts anew."),
    possible=lambda member: not member.is_active and _is_known(member),
)
ANONYMIZE = Deed(
    "anonymize",
    gettext_lazy("Anonymize"),
    gettext_lazy("Anonymize for good"),
    _anonymize,
    AnonymizeForm,
    gettext_lazy(
        "Every table forgets the person: name, addresses, card number, reasons and notes. Amounts and dates stay in "
        "the books. The card is switched off."
    ),
    is_grave=True,
    possible=_is_known,
)
DEEDS = (RESTORE, ADJUST, REPLACE, DEACTIVATE, REACTIVATE, ANONYMIZE)
