"""What spoke against a conversion, in words."""

from typing import Any

from django.utils.html import format_html_join
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


def evidence(found: list[dict[str, Any]]) -> str:
    """One line a signal, with its weight."""
    lines = ((WORDS.get(each["code"], each["code"]), each["weight"]) for each in found)
    return format_html_join("", "<div>{} (+{})</div>", lines) or "-"
