"""What spoke against a conversion, in words."""

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from referrals.operations import signals

WORDS: dict[str, Any] = {
    signals.SAME_DEVICE: _("Inviter and invitee were seen with one device or browser"),
    signals.SAME_BROWSER: _("Inviter and invitee were seen from one address with one kind of browser"),
    signals.LOOK_ALIKE: _("Their e-mail addresses look like one person's"),
    signals.BUSY_DAY: _("More conversions of the inviter in a day than is usual"),
    signals.DISPOSABLE: _("The invitee's e-mail address is at a provider of addresses for an hour"),
    signals.CROWDED_ADDRESS: _("More than three invitees came from one address"),
}


# The same in a list, where there is no room for sentences.
SHORT: dict[str, Any] = {
    signals.SAME_DEVICE: _("One device"),
    signals.SAME_BROWSER: _("One address and browser"),
    signals.LOOK_ALIKE: _("Look-alike e-mail"),
    signals.BUSY_DAY: _("Busy day"),
    signals.DISPOSABLE: _("E-mail for an hour"),
    signals.CROWDED_ADDRESS: _("Crowded address"),
}


def evidence(found: list[dict[str, Any]], words: dict[str, Any] = WORDS) -> str:
    """One line a signal, with its weight."""
    lines = [(words.get(each["code"], each["code"]), each["weight"]) for each in found]
    # One element around them: on a phone a row's cells stand beside their headings.
    return format_html("<div>{}</div>", format_html_join("", "<div>{} (+{})</div>", lines)) if lines else "-"
