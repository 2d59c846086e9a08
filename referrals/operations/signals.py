"""What speaks for trickery, and how loudly (specs/referrals.md "Review").

A household shares an address, and often a browser: alone that is no reason to keep somebody's reward. The weights are
sums to be held against the program's line (60 by default): one device is enough, of the others it takes two.
"""

from typing import Any

from loyalty.models import Member
from referrals import sameness
from referrals.models import DeviceKind
from referrals.queries.evidence import Evidence

SAME_DEVICE = "same_device"
SAME_BROWSER = "same_address_and_browser"
LOOK_ALIKE = "look_alike_email"
BUSY_DAY = "many_conversions_a_day"
DISPOSABLE = "disposable_email"
CROWDED_ADDRESS = "many_from_one_address"

WEIGHTS = {
    SAME_DEVICE: 70,
    SAME_BROWSER: 40,
    LOOK_ALIKE: 40,
    BUSY_DAY: 60,
    DISPOSABLE: 40,
    CROWDED_ADDRESS: 60,
}
# So many invitees may have come from one address before.
USUAL_FROM_ONE_ADDRESS = 3


def found(*, referrer: Member, invitee: Member, evidence: Evidence) -> list[dict[str, Any]]:
    """The signals of a conversion: `code` and `weight` of each, the heaviest first. Nothing in them names a person."""
    ours, theirs = referrer.customer.email, invitee.customer.email
    seen = {
        SAME_DEVICE: DeviceKind.DEVICE in evidence.shared,
        SAME_BROWSER: DeviceKind.BROWSER in evidence.shared,
        LOOK_ALIKE: sameness.look_alike(ours, theirs),
        BUSY_DAY: evidence.conversions >= evidence.rules.conversions_a_day,
        DISPOSABLE: sameness.is_disposable(theirs),
        CROWDED_ADDRESS: evidence.from_address >= USUAL_FROM_ONE_ADDRESS,
    }
    codes = sorted((code for code, is_seen in seen.items() if is_seen), key=lambda code: (-WEIGHTS[code], code))
    return [{"code": code, "weight": WEIGHTS[code]} for code in codes]


def risk(signals: list[dict[str, Any]]) -> int:
    """The sum of their weights."""
    return sum(signal["weight"] for signal in signals)
