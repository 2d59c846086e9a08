"""From what happens in loyalty and referrals to messages: one statement a kind, however many events.

Events of an import or a replay tell of the past, and nobody is written to about it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from loyalty_site.outbox import PublishedEvent, subscribe
from notifications.catalogue import CODES
from notifications.models import Channel
from notifications.operations import queueing
from notifications.operations.queueing import NewMessage

Variables = Callable[[dict[str, Any]], dict[str, Any]]


def _points(facts: dict[str, Any]) -> dict[str, Any]:
    return {"points": abs(facts["points"])}


def _expiring(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in ("points", "days_remaining", "expiration_date")}


def _reward_ready(facts: dict[str, Any]) -> dict[str, Any]:
    return {"reward": "", "stamps": facts["stamps_target"]}


def _tier(facts: dict[str, Any]) -> dict[str, Any]:
    return {"from": facts["from_tier"], "to": facts["to_tier"]}


def _downgrade(facts: dict[str, Any]) -> dict[str, Any]:
    return {**_tier(facts), "downgrade_at": facts["downgrade_at"]}


def _converted(facts: dict[str, Any]) -> dict[str, Any]:
    return {"code": facts["code"], "points": facts["reward_points"] or 0}


# Which event makes which message to its member.
_TO_MEMBERS: dict[str, tuple[str, Variables]] = {
    "loyalty.member_enrolled": ("loyalty_enrollment", lambda facts: {}),
    "loyalty.welcome_bonus_credited": ("loyalty_welcome_bonus", _points),
    "loyalty.points_expiring": ("loyalty_points_expiring", _expiring),
    "loyalty.points_expired": ("loyalty_points_expired", _points),
    "loyalty.reward_ready": ("loyalty_reward_ready", _reward_ready),
    "loyalty.tier_upgraded": ("loyalty_tier_upgrade", _tier),
    "loyalty.tier_downgrade_warned": ("loyalty_tier_downgrade_warning", _downgrade),
    "referrals.invite_converted": ("referral_converted", _converted),
}


@subscribe(*_TO_MEMBERS)
def write_to_members(events: list[PublishedEvent]) -> None:
    """A message to each member whom one of these events is about."""
    queueing.queue_for_members([_to_member(event) for event in _of_today(events)], at=datetime.now(UTC))


def _to_member(event: PublishedEvent) -> NewMessage:
    code, variables_of = _TO_MEMBERS[event.kind]
    member_id = event.facts["member_id"]
    return NewMessage(
        merchant_id=_merchant(event),
        member_id=UUID(member_id),
        code=code,
        kind=CODES[code].kind,
        channels=[str(channel) for channel in CODES[code].channels],
        key=f"{event.id}:{code}:{member_id}",
        variables=variables_of(event.facts),
        store_id=_id(event.facts.get("store_id")),
    )


@subscribe("referrals.invite_created")
def write_to_invitees(events: list[PublishedEvent]) -> None:
    """A message to each address that a member invited; an invitation without one is shared by its link."""
    invited = [event for event in _of_today(events) if event.facts.get("invitee_email")]
    queueing.queue([_to_invitee(event) for event in invited], at=datetime.now(UTC))


def _to_invitee(event: PublishedEvent) -> NewMessage:
    facts, code = event.facts, "referral_invite"
    return NewMessage(
        merchant_id=_merchant(event),
        member_id=_id(facts["member_id"]),
        recipient=facts["invitee_email"],
        code=code,
        kind=CODES[code].kind,
        channels=[Channel.EMAIL.value],
        key=f"{event.id}:{code}:{facts['invite_id']}",
        variables={
            "code": facts["code"],
            "share_url": facts["share_url"],
            "points": facts["invitee_points"] or 0,
        },
        store_id=_id(facts.get("store_id")),
    )


def _of_today(events: Sequence[PublishedEvent]) -> Iterable[PublishedEvent]:
    return (event for event in events if not event.backfill)


def _merchant(event: PublishedEvent) -> UUID:
    assert event.merchant_id is not None  # noqa: S101 (news of a member has a merchant)
    return event.merchant_id


def _id(given: str | None) -> UUID | None:
    return UUID(given) if given else None
