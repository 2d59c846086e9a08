"""The form of a program's rules, which asks before it lets points expire sooner."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from loyalty.models import LedgerEntry, Program
from loyalty.operations import expiration


class ProgramForm(forms.ModelForm):
    """A program's rules.

    Where they would make points expire sooner than the stored ones, the first save is refused and says what the next
    night would do; saved again with the same rules, they stand.
    """

    # The rules whose night the person has been shown.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Program
        exclude: list[str] = []

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"]
        changed = not self.instance._state.adding and "currency" in self.changed_data
        if changed and LedgerEntry.objects.filter(member__program=self.instance).exists():
            raise ValidationError(_("Points were earned in the present currency already. Make a new program."))
        return currency

    def _post_clean(self) -> None:
        stored = None if self.instance._state.adding else Program.objects.filter(pk=self.instance.pk).first()
        super()._post_clean()  # type: ignore[misc]
        if stored is None or self.errors or not expiration.expires_sooner(stored, self.instance):
            return
        rules = _rules(self.instance)
        if self.data.get(self.add_prefix("seen")) == rules:
            return
        self.add_error(None, _warning(self.instance))
        # Shown again, the form says what was shown with it.
        self.data = {**self.data.dict(), self.add_prefix("seen"): rules}  # type: ignore[attr-defined]


def _rules(program: Program) -> str:
    return ":".join(
        str(value)
        for value in (
            program.is_active,
            program.expiry_policy,
            program.points_expiration_days,
            program.points_valid_days,
            program.expiration_warning_days,
            program.warn_before_expiring,
        )
    )


def _warning(program: Program) -> str:
    night = expiration.next_night(timezone.now())
    ahead = expiration.preview(program, night)
    figures: dict[str, Any] = {
        "night": date_format(night, "DATETIME_FORMAT"),
        "points": f"{ahead.points:,}",
        "members": f"{ahead.members:,}",
        "unwarned": f"{ahead.unwarned:,}",
        "to_warn": f"{ahead.to_warn:,}",
    }
    return (
        _(
            "With these rules points expire sooner. The run of %(night)s UTC would take %(points)s points from "
            "%(members)s members, %(unwarned)s of them never warned, and would warn %(to_warn)s others. "
            "Nothing is saved yet: save again if this is what you want."
        )
        % figures
    )
