"""What the sender has to know of a batch of messages: read in a handful of queries, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from loyalty.models import Program
from loyalty_site.tenants.models import Customer, Merchant
from notifications.models import Channel, Message, Preference, Suppression
from notifications.sending.claims import Claim


@dataclass
class Reading:
    """The messages of a batch, with customers, members, preferences and merchants; the rest beside.

    Merchants and programs are few: read once each, and not with every message.
    """

    messages: list[Message]
    programs: dict[UUID, Program] = field(default_factory=dict)
    # Who invites, by the id of the member, for messages to somebody who is no customer.
    inviters: dict[UUID, Customer] = field(default_factory=dict)
    suppressed: set[tuple[UUID, str, str]] = field(default_factory=set)

    def program_of(self, message: Message) -> Program | None:
        """The member's program, else the merchant's active one."""
        if message.member is not None:
            return message.member.program
        return self.programs.get(message.merchant_id)

    def zone_of(self, message: Message) -> ZoneInfo:
        """The customer's time zone, else the program's; a name that is none counts as none."""
        program = self.program_of(message)
        given = message.customer.time_zone if message.customer is not None else ""
        for name in (given, program.time_zone if program is not None else ""):
            try:
                return ZoneInfo(name)
            except (KeyError, ValueError, OSError):
                continue
        return ZoneInfo("UTC")

    def locales_of(self, message: Message) -> list[str]:
        """The languages to look for, the best first."""
        program = self.program_of(message)
        asked = [
            message.locale,
            message.customer.locale if message.customer is not None else "",
            program.locale if program is not None else "",
            "en",
        ]
        return [each for each in asked if each]

    def is_suppressed(self, message: Message, channel: str, address: str) -> bool:
        """Whether the merchant does not write to this address any more."""
        return (message.merchant_id, channel, plain(channel, address)) in self.suppressed


def read(claims: Sequence[Claim]) -> Reading:
    """Read the claimed messages, in the order of the claims."""
    ids = [claim.message_id for claim in claims]
    rows = Message.objects.select_related("customer", "customer__preference", "member").in_bulk(ids)
    reading = Reading([rows[each] for each in ids if each in rows])
    _add_merchants(reading)
    _add_inviters(reading)
    merchants = {message.merchant_id for message in reading.messages}
    addresses = {
        plain(message.channel, address)
        for message in reading.messages
        if (address := address_of(message, message.channel))
    }
    reading.suppressed = set(
        Suppression.objects.filter(merchant__in=merchants, address__in=addresses, lifted_at=None).values_list(
            "merchant_id", "channel", "address"
        )
    )
    return reading


def _add_merchants(reading: Reading) -> None:
    """Merchants and programs, in two queries: the active ones, and those of the members."""
    merchants = Merchant.objects.in_bulk({message.merchant_id for message in reading.messages})
    members = [message.member for message in reading.messages if message.member is not None]
    wanted = Q(merchant__in=merchants, is_active=True) | Q(pk__in={member.program_id for member in members})
    programs = {program.pk: program for program in Program.objects.filter(wanted)}
    for message in reading.messages:
        message.merchant = merchants[message.merchant_id]
    for member in members:
        member.program = programs[member.program_id]
    reading.programs = {each.merchant_id: each for each in programs.values() if each.is_active}


def _add_inviters(reading: Reading) -> None:
    wanted = {
        message.member.pk: message.member.customer_id
        for message in reading.messages
        if message.customer is None and message.member is not None
    }
    if wanted:
        found = Customer.objects.in_bulk(set(wanted.values()))
        reading.inviters = {member_id: found[customer_id] for member_id, customer_id in wanted.items()}


def address_of(message: Message, channel: str) -> str:
    """Where the channel sends to for this message; empty where there is nothing."""
    if message.customer is None:
        return message.recipient if channel == Channel.EMAIL else ""
    return address_at(message.customer, channel)


def address_at(customer: Customer, channel: str) -> str:
    """The customer's address on the channel; empty for none, or where the person has been forgotten."""
    if customer.anonymized_at is not None:
        return ""
    found = {Channel.EMAIL: customer.email, Channel.SMS: customer.phone_number, Channel.PUSH: customer.push_token}
    return str(found.get(Channel(channel)) or "")


def plain(channel: str, address: str) -> str:
    """The address as suppressions know it: e-mail addresses are compared without regard to case."""
    return address.lower() if channel == Channel.EMAIL else address


def preference_of(message: Message) -> Preference:
    """The customer's choice; where nothing was chosen, every channel is open."""
    if message.customer is None:
        return Preference()
    known: Preference | None = getattr(message.customer, "preference", None)
    return known or Preference()
