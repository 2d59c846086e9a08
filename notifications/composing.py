"""From a message to what is handed to a channel: the facts of the event, the person as they are now, their language."""

from collections.abc import Callable
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from loyalty import links
from loyalty.models import Tier
from notifications import addresses, unsubscribing
from notifications.channels.base import Outgoing
from notifications.models import Channel, Delivery, Kind, Message, Nudge
from notifications.rendering import Renderer
from notifications.sending.reading import Reading

HUB = "/account/loyalty"


class TooLate(Exception):
    """What the message announces has happened meanwhile."""


class Composer:
    """Composes the messages of one batch: templates are read once for all of them."""

    def __init__(self, reading: Reading, *, at: datetime) -> None:
        self.reading = reading
        self.at = at
        self.base = addresses.base()

    @cached_property
    def renderer(self) -> Renderer:
        messages = self.reading.messages
        return Renderer.load({each.merchant_id for each in messages}, {each.code for each in messages})

    @cached_property
    def tiers(self) -> dict[tuple[Any, str], Tier]:
        """The tiers of the programs of this batch, by program and slug; read where a message is about one."""
        programs = {program.pk for each in self.reading.messages if (program := self.reading.program_of(each))}
        return {(tier.program_id, tier.slug): tier for tier in Tier.objects.filter(program__in=programs)}

    @cached_property
    def over(self) -> set[UUID]:
        """The nudges of this batch that are put away or over by now; read where a message is of one."""
        ids = {message.nudge_id for message in self.reading.messages if message.nudge_id is not None}
        still = Q(status=Nudge.Status.ACTIVE, expires_at__gt=self.at)
        return set(Nudge.objects.filter(~still, pk__in=ids).values_list("pk", flat=True))

    def compose(self, message: Message, delivery: Delivery) -> Outgoing:
        """What the channel is given for this message; `delivery` learns its language.

        Raises `TooLate`, and as `Renderer.render`.
        """
        variables = self.variables(message)
        rendered = self.renderer.render(
            message.code,
            message.channel,
            self.reading.locales_of(message),
            variables,
            merchant_id=message.merchant_id,
            store_id=message.store_id,
        )
        delivery.locale = rendered.locale
        return Outgoing(
            delivery_id=delivery.pk,
            merchant_id=message.merchant_id,
            address=delivery.recipient,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            locale=rendered.locale,
            sender_name=message.merchant.name,
            code=message.code,
            headers=self._headers(message, variables["unsubscribe_url"] if message.kind == Kind.MARKETING else ""),
            link=str(variables.get("cta_url") or variables["hub_url"]),
        )

    def variables(self, message: Message) -> dict[str, Any]:
        """The values of every variable that the catalogue names for the message's code, true at this moment."""
        if message.nudge_id is not None and message.nudge_id in self.over:
            raise TooLate("What it reminds of is over, or was put away.")
        program = self.reading.program_of(message)
        member, customer = message.member, message.customer
        common = {
            "member.first_name": customer.first_name if customer is not None else "",
            "program.name": program.name if program is not None else message.merchant.name,
            "merchant.name": message.merchant.name,
            "card.number": member.card_number if member is not None else "",
            "hub_url": self.base + HUB,
            "unsubscribe_url": unsubscribing.link(message) if message.kind == Kind.MARKETING else "",
        }
        # A message about no member, such as a test that staff send themselves, says what it was given.
        more = _MORE.get(message.code) if message.member is not None else None
        return {**common, **message.variables, **(more(self, message) if more is not None else {})}

    def _headers(self, message: Message, unsubscribe_url: str) -> dict[str, str]:
        if message.channel != Channel.EMAIL:
            return {}
        domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
        # The same over every attempt: mail programs show a message that had to be sent again once.
        headers = {"Message-ID": f"<{message.pk.hex}@{domain}>", "Auto-Submitted": "auto-generated"}
        if unsubscribe_url:
            # RFC 8058, 3.1: both, and covered by the provider's DKIM signature.
            headers["List-Unsubscribe"] = f"<{unsubscribe_url}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


def _enrollment(composer: Composer, message: Message) -> dict[str, Any]:
    if message.member is None:
        return {}
    wallets = links.wallets(message.member, composer.base)
    return {"card_number": message.member.card_number, **{f"{name}_wallet_url": url for name, url in wallets.items()}}


def _expiring(composer: Composer, message: Message) -> dict[str, Any]:
    """The days left, by the member's own calendar today: the message may have waited."""
    today = composer.at.astimezone(composer.reading.zone_of(message)).date()
    left = (date.fromisoformat(message.variables["expiration_date"]) - today).days
    if left < 0:
        raise TooLate("The day it announces has passed.")
    return {"days_remaining": left}


def _tier(composer: Composer, message: Message) -> dict[str, Any]:
    """Tiers as they are called today; one that is gone by its short name."""
    program = composer.reading.program_of(message)

    def named(slug: str | None) -> str:
        tier = composer.tiers.get((program.pk, slug)) if program is not None and slug else None
        return tier.name if tier is not None else slug or ""

    shown = {name: named(message.variables.get(name)) for name in ("from", "to")}
    # What is gained, or what may be lost.
    slug = message.variables.get("to" if message.code == "loyalty_tier_upgrade" else "from")
    about = composer.tiers.get((program.pk, slug)) if program is not None and slug else None
    return {**shown, "benefits": list(about.benefits) if about is not None else []}


def _downgrade(composer: Composer, message: Message) -> dict[str, Any]:
    day = datetime.fromisoformat(message.variables["downgrade_at"]).astimezone(composer.reading.zone_of(message))
    if day < composer.at:
        raise TooLate("The day it announces has passed.")
    return {**_tier(composer, message), "downgrade_date": day.date()}


def _birthday(composer: Composer, message: Message) -> dict[str, Any]:
    """The points on the card now; a wish the day after would be none."""
    today = composer.at.astimezone(composer.reading.zone_of(message)).date()
    if "day" in message.variables and date.fromisoformat(message.variables["day"]) < today:
        raise TooLate("The birthday is over.")
    return _on_card(message)


def _absence(composer: Composer, message: Message) -> dict[str, Any]:
    since, member = message.variables.get("since"), message.member
    if since is not None and member is not None and member.last_activity_at > datetime.fromisoformat(since):
        raise TooLate("The member has been back meanwhile.")
    return _on_card(message)


def _on_card(message: Message) -> dict[str, Any]:
    """What the member could spend now. None where there is no member: then the message says what it was given."""
    return {"points": message.member.points_available} if message.member is not None else {}


def _nudge(composer: Composer, message: Message) -> dict[str, Any]:
    return {"cta_url": _whole(composer, message.variables.get("cta_url", ""))}


def _invite(composer: Composer, message: Message) -> dict[str, Any]:
    """Whose first name is in it is who invites; whose card they hold is nobody's business."""
    inviter = composer.reading.inviters.get(message.member_id) if message.member_id is not None else None
    return {
        "member.first_name": inviter.first_name if inviter is not None else "",
        "card.number": "",
        "share_url": _whole(composer, message.variables.get("share_url", "")),
    }


def _converted(composer: Composer, message: Message) -> dict[str, Any]:
    if message.member is None:
        return {}
    invitation = links.invitation(message.merchant.slug, message.member.referral_code)
    return {"share_url": _whole(composer, invitation)}


def _whole(composer: Composer, link: str) -> str:
    """The link with a host: one made without PUBLIC_URL has none."""
    return composer.base + link if link.startswith("/") else link


_MORE: dict[str, Callable[[Composer, Message], dict[str, Any]]] = {
    "loyalty_enrollment": _enrollment,
    "loyalty_points_expiring": _expiring,
    "loyalty_tier_upgrade": _tier,
    "loyalty_tier_downgrade_warning": _downgrade,
    "loyalty_nudge_expiring_points": _nudge,
    "loyalty_nudge_checkout_reminder": _nudge,
    "loyalty_nudge_redemption_follow_up": _nudge,
    "loyalty_birthday": _birthday,
    "loyalty_we_miss_you": _absence,
    "referral_invite": _invite,
    "referral_converted": _converted,
}
