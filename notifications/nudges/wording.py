"""A signal in the member's words: what a nudge's payload says."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date

from loyalty import links
from loyalty.models import CheckoutIntent
from loyalty.next_action_texts import A_REWARD, Words, language_of
from loyalty.queries.next_actions import points_in_words, zone_named
from notifications.models import NudgeType
from notifications.nudges import texts
from notifications.nudges.signals import Signal

_UTC = ZoneInfo("UTC")


def payload(signal: Signal) -> dict[str, Any]:
    """headline, body, ctaLabel, ctaHref and metadata, in the member's language and time zone, else the program's."""
    facts, language = signal.facts, language_of(*signal.locales)
    words, href, day_of = _chosen(signal)
    filled = {
        "date": _day(datetime.fromisoformat(facts[day_of]), signal.zones, language),
        "points": _points(facts.get("points") or 0, language),
        "reward": facts.get("reward") or A_REWARD[language],
        "code": facts.get("code") or "",
    }
    said = words[language]
    # A name with braces in it is a name, and no place to fill in: only our own words are formatted.
    return {
        "headline": said.headline.format(**filled),
        "body": said.description.format(**filled),
        "ctaLabel": said.cta,
        "ctaHref": href,
        "metadata": {name: facts[fact] for fact, name in _TOLD[signal.nudge_type] if facts.get(fact) is not None},
    }


def _chosen(signal: Signal) -> tuple[Mapping[str, Words], str, str]:
    """The words, where they lead, and which fact is their date."""
    facts = signal.facts
    if signal.nudge_type == NudgeType.EXPIRING_POINTS:
        return texts.EXPIRING_POINTS, links.REWARDS, "expires_at"
    if signal.nudge_type == NudgeType.REDEMPTION_FOLLOW_UP:
        words = texts.ONE_POINT_FOLLOW_UP if facts["points"] == 1 else texts.REDEMPTION_FOLLOW_UP
        return words, links.REWARDS, "requested_at"
    if facts["kind"] == CheckoutIntent.Kind.REFERRAL_SHARE:
        return texts.CHECKOUT_REFERRAL, links.REFERRALS, "expires_at"
    return texts.CHECKOUT_REDEMPTION, links.REWARDS, "expires_at"


# Which facts stand in the metadata, and as what.
_TOLD: dict[str, tuple[tuple[str, str], ...]] = {
    NudgeType.EXPIRING_POINTS: (("points", "points"), ("expires_at", "expiresAt")),
    NudgeType.CHECKOUT_REMINDER: (("intent_id", "intentId"), ("kind", "intentKind"), ("order_id", "orderId")),
    NudgeType.REDEMPTION_FOLLOW_UP: (("redemption_id", "redemptionId"), ("points", "points")),
}


def _day(moment: datetime, zones: tuple[str, str], language: str) -> str:
    zone = _zone(*zones)
    return _written(moment.astimezone(zone).date().toordinal(), language)


@lru_cache(256)
def _zone(own: str, programs: str) -> ZoneInfo:
    return zone_named(own) or zone_named(programs) or _UTC


@lru_cache(1024)
def _points(count: int, language: str) -> str:
    return points_in_words(count, language)


@lru_cache(1024)
def _written(day: int, language: str) -> str:
    """The day in words. A run writes a few days ten thousand times."""
    return str(format_date(datetime.fromordinal(day), "long", locale=language))
