"""What a member may do next: the intents of their checkouts that are pending, and cards in their language."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date
from babel.numbers import format_decimal
from django.db.models import Q

from loyalty import links
from loyalty import next_action_texts as texts
from loyalty.models import CheckoutIntent, Member, Redemption

# Far more than one member's checkouts leave open.
MOST = 200


@dataclass(frozen=True, slots=True)
class Card:
    """An intent as the member reads it."""

    intent: CheckoutIntent
    headline: str
    description: str
    cta_label: str
    cta_href: str


def pending(member: Member, *, at: datetime) -> list[CheckoutIntent]:
    """The member's intents that wait for something, oldest first; not those whose redemption was closed. One query."""
    still_open = Q(redemption=None) | Q(redemption__status=Redemption.Status.REQUESTED)
    waiting = CheckoutIntent.objects.filter(
        still_open, member=member, status=CheckoutIntent.Status.PENDING, expires_at__gt=at
    )
    return list(waiting.select_related("reward", "redemption").order_by("created_at", "pk")[:MOST])


def is_waiting(intent: CheckoutIntent, *, at: datetime) -> bool:
    """Whether the intent is among the `pending` ones of its member at `at`."""
    closed = intent.redemption is not None and intent.redemption.status != Redemption.Status.REQUESTED
    return intent.status == CheckoutIntent.Status.PENDING and intent.expires_at > at and not closed


def card(intent: CheckoutIntent, member: Member) -> Card:
    """The card of an intent, in the member's language, else the program's."""
    customer, program = member.customer, member.program
    language = texts.language_of(customer.locale, program.locale)
    zone = zone_named(customer.time_zone) or program.zone
    until = intent.expires_at
    if intent.redemption is not None:
        # What is set aside is let go by the program's rule, whenever the intent itself goes out of the feed.
        until = intent.redemption.requested_at + timedelta(days=program.hold_days)
    facts: dict[str, Any] = {"date": format_date(until.astimezone(zone), "long", locale=language)}
    if intent.kind == CheckoutIntent.Kind.REFERRAL_SHARE:
        words, href = texts.REFERRAL_SHARE[language], links.REFERRALS
        facts["code"] = intent.referral_code
    else:
        words, href = texts.REDEMPTION[language], links.REWARDS
        name = intent.reward.name if intent.reward is not None else intent.reward_name
        facts["reward"] = name or texts.A_REWARD[language]
        facts["points"] = points_in_words(intent.points_cost or 0, language)
    # A name with braces in it is a name, and no place to fill in: only our own words are formatted.
    return Card(intent, words.headline.format(**facts), words.description.format(**facts), words.cta, href)


def points_in_words(count: int, language: str) -> str:
    """The number with its noun, in one of `LANGUAGES`: `1 Punkt`, `1.200 Punkte`."""
    one, many = texts.POINTS[language]
    # In French, nought is singular too.
    is_one = count == 1 or (language == "fr" and count == 0)
    return f"{format_decimal(count, locale=language)} {one if is_one else many}"


def zone_named(name: str) -> ZoneInfo | None:
    """The time zone of that name; None where there is none: what a storefront once sent need not be one."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
