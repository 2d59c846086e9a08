"""The form of a merchant's own text."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from notifications.catalogue import CODES
from notifications.models import Channel, TemplateOverride
from notifications.rendering import compose, problems

# Gmail shows of a message what comes before 102 kB, and hides the rest with the way to unsubscribe.
_MOST_BYTES = 100_000


def parts_of(channel: str) -> tuple[str, ...]:
    """The fields a text on this channel has."""
    if channel == Channel.EMAIL:
        return ("subject", "html", "text")
    return ("subject", "text") if channel == Channel.PUSH else ("text",)


class OverrideForm(forms.ModelForm):
    """A text, refused with the line and the reason where it could not be sent."""

    class Meta:
        model = TemplateOverride
        exclude: list[str] = []
        widgets = {
            "html": UnfoldAdminTextareaWidget(attrs={"rows": 16, "spellcheck": "true", "class": "font-mono"}),
            "text": UnfoldAdminTextareaWidget(attrs={"rows": 8, "spellcheck": "true"}),
        }
        help_texts = {
            "html": gettext_lazy("What stands between the name of the business and the footer; both are added."),
            "text": gettext_lazy("Of an e-mail: for who reads no HTML. Empty: made from it."),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        text = self.instance
        given = {name: cleaned.get(name, getattr(text, name)) for name in ("code", "channel", "locale")}
        if any(name in self.errors for name in given) or given["code"] not in CODES:
            return cleaned
        code = CODES[given["code"]]
        if given["channel"] not in code.channels:
            self.add_error("channel", _("This message does not go on this channel."))
            return cleaned
        words = {
            name: cleaned.get(name, getattr(text, name)) if name in parts_of(given["channel"]) else ""
            for name in ("subject", "html", "text")
        }
        draft = TemplateOverride(**given, **words)
        found = problems(draft)
        for name, refusal in found.items():
            self.add_error(name if name in self.fields else None, refusal.detail)
        if not found and not self.errors:
            size = len(compose(draft, code.samples(draft.locale), is_override=True).html.encode())
            if size > _MOST_BYTES:
                self.add_error(
                    "html", _("Mail programs cut a mail off behind 100 kB; this one has %d kB.") % (size // 1000)
                )
        # What the channel does not have is not kept.
        return {**cleaned, **{name: value for name, value in words.items() if name in self.fields}}
