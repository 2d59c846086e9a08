"""Whether a message may go out now, on its channel: consent, channels, quiet hours, addresses."""

from dataclasses import dataclass
from datetime import datetime

from notifications.channels import base
from notifications.models import Kind, Message
from notifications.sending import quiet
from notifications.sending.reading import Reading, address_of, preference_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """Send to `address`; or not: `status` and `reason` say why, `until` when it may be sent."""

    address: str = ""
    status: str = ""
    reason: str = ""
    until: datetime | None = None
    # Another channel would end the same way.
    for_all_channels: bool = False


def decide(message: Message, reading: Reading, *, at: datetime) -> Verdict:
    """What is to become of the message. Transactional messages need no consent and know no quiet hours."""
    if (refusal := _of_the_person(message)) is not None:
        return refusal
    channel = message.channel
    adapter = base.adapter_for(channel)
    if adapter is None or not adapter.is_on():
        return _skip("The channel is not set up.")
    preference = preference_of(message)
    if not getattr(preference, channel):
        return _skip("The member has switched this channel off.")
    address = address_of(message, channel)
    if not address:
        return _skip("There is no address for this channel.")
    if reading.is_suppressed(message, channel, address):
        return Verdict(address, Message.Status.SUPPRESSED, "The address is suppressed.")
    if message.kind == Kind.MARKETING and preference.quiet_from is not None and preference.quiet_until is not None:
        zone = reading.zone_of(message)
        until = quiet.quiet_until(at, zone=zone, begin=preference.quiet_from, end=preference.quiet_until)
        if until is not None:
            return Verdict(status=Message.Status.HELD, reason="Quiet hours.", until=until)
    return Verdict(address)


def _of_the_person(message: Message) -> Verdict | None:
    customer = message.customer
    if not message.merchant.is_active:
        return _skip("The merchant is switched off.", for_all=True)
    if customer is not None and customer.anonymized_at is not None:
        return _skip("The person has been forgotten.", for_all=True)
    if message.kind == Kind.MARKETING and (customer is None or not customer.marketing_consent):
        return _skip("There is no consent to marketing messages.", for_all=True)
    return None


def _skip(reason: str, *, for_all: bool = False) -> Verdict:
    return Verdict(status=Message.Status.SKIPPED, reason=reason, for_all_channels=for_all)
