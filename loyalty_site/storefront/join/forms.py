"""What somebody who joins writes down."""

import unicodedata
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from loyalty.operations.enrollment import Person
from loyalty_site.texts import can_be_kept

SOURCE = "join"
FIRST_BIRTHDAY = date(1900, 1, 1)

# The name stands in mail to an address that anybody may have typed: it must be no advertisement with a link.
_NOT_IN_NAMES = frozenset("/\\@:<>{}[]|=")
# Marks that turn the direction of what follows: the text would not read as it is written.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class JoinForm(forms.Form):
    """Name, e-mail address, and what else somebody likes to give. Labels and errors are `words`, of one language."""

    first_name = forms.CharField(max_length=80, widget=forms.TextInput({"autocomplete": "given-name"}))
    last_name = forms.CharField(max_length=80, required=False, widget=forms.TextInput({"autocomplete": "family-name"}))
    email = forms.EmailField(
        max_length=254, widget=forms.EmailInput({"autocomplete": "email", "spellcheck": "false", "dir": "ltr"})
    )
    phone = forms.CharField(
        max_length=40,
        required=False,
        widget=forms.TextInput({"type": "tel", "autocomplete": "tel", "inputmode": "tel", "dir": "ltr"}),
    )
    birth_date = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput({"type": "date", "autocomplete": "bday", "min": FIRST_BIRTHDAY.isoformat()}, "%Y-%m-%d"),
    )
    marketing_consent = forms.BooleanField(required=False)
    # Nobody sees it; what fills in every field fills in this one too.
    homepage = forms.CharField(
        required=False, widget=forms.TextInput({"autocomplete": "off", "tabindex": "-1"}), label="Homepage"
    )

    def __init__(self, *args: Any, words: dict[str, str], today: date, **more: Any) -> None:
        super().__init__(*args, **more)
        self.words, self.today = words, today
        for name, field in self.fields.items():
            field.label = words.get(f"label_{name}", field.label)
            field.help_text = words.get(f"hint_{name}", "")
            wrong = words.get(f"wrong_{name}", words["wrong"])
            field.error_messages = {
                "required": words.get(f"needed_{name}", words["wrong"]),
                "invalid": wrong,
                "max_length": words["too_long"],
                "null_characters_not_allowed": wrong,
            }
        self.fields["birth_date"].widget.attrs["max"] = today.isoformat()

    def clean_first_name(self) -> str:
        return self._name("first_name")

    def clean_last_name(self) -> str:
        return self._name("last_name")

    def clean_birth_date(self) -> date | None:
        day: date | None = self.cleaned_data["birth_date"]
        if day is not None and not FIRST_BIRTHDAY <= day <= self.today:
            raise ValidationError(self.words["wrong_birth_date"])
        return day

    def person(self, locale: str) -> Person:
        """Who it is, as the operation takes them."""
        given = self.cleaned_data
        return Person(
            first_name=given["first_name"],
            last_name=given["last_name"],
            email=given["email"],
            phone=given["phone"],
            birth_date=given["birth_date"],
            marketing_consent=given["marketing_consent"],
            consent_source=SOURCE,
            locale=locale,
        )

    def _name(self, field: str) -> str:
        # Composed, so that a name is as long as it looks.
        text = unicodedata.normalize("NFC", self.cleaned_data[field])
        bad = _NOT_IN_NAMES | _TURNING
        if not can_be_kept(text) or any(each in bad or unicodedata.category(each) == "Cc" for each in text):
            raise ValidationError(self.words["wrong_name"])
        return text
