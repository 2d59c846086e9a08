"""What the timeline is made of. Another app's table joins it with one more source here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from loyalty.api.member import action_shapes, shapes
from loyalty.models import Redemption
from loyalty.queries.ledger_window import Line, expanded
from loyalty_site.http.casing import camelized
from loyalty_site.storefront.timeline import Condition, Source
from notifications.api import nudges
from notifications.models import Nudge
from referrals.api import shapes as referral_shapes
from referrals.models import GuardrailOverride, Invite


def _ledger_filters(filters: Mapping[str, Any]) -> list[Condition]:
    conditions = []
    if filters["ledger_types"] is not None:
        types = expanded(filters["ledger_types"])
        conditions.append(Condition("e.type = ANY (%(ledger_types)s::text[])", {"ledger_types": types}))
    if filters["checkout_order_id"] is not None:
        order = {"checkout_order_id": filters["checkout_order_id"]}
        conditions.append(Condition("e.metadata ->> 'order_id' = %(checkout_order_id)s", order))
    return conditions


def _entry(facts: dict[str, Any], at: datetime) -> dict[str, Any]:
    return shapes.line(Line(**facts | {"id": UUID(facts["id"])}, occurred_at=at))


def _redemption_filters(filters: Mapping[str, Any]) -> list[Condition]:
    conditions = []
    if filters["redemption_statuses"] is not None:
        statuses = {"redemption_statuses": filters["redemption_statuses"]}
        conditions.append(Condition("r.status = ANY (%(redemption_statuses)s::text[])", statuses))
    if filters["checkout_order_id"] is not None:
        order = {"checkout_order_id": filters["checkout_order_id"]}
        wanted = "%(checkout_order_id)s IN (r.order_reference, r.metadata ->> 'order_id')"
        conditions.append(Condition(wanted, order))
    return conditions


def _redemption(facts: dict[str, Any], at: datetime) -> dict[str, Any]:
    times = {name: _moment(facts[name]) for name in ("fulfilled_at", "cancelled_at")}
    shown: dict[str, Any] = camelized(action_shapes.redemption(Redemption(**facts | times, requested_at=at)))
    return shown


def _nudge_filters(filters: Mapping[str, Any]) -> list[Condition]:
    conditions = []
    if filters["nudge_statuses"] is not None:
        statuses = {"nudge_statuses": filters["nudge_statuses"]}
        conditions.append(Condition("n.status = ANY (%(nudge_statuses)s::text[])", statuses))
    if filters["campaign_slug"] is not None:
        slug = {"campaign_slug": filters["campaign_slug"]}
        conditions.append(Condition("n.campaign_slug = %(campaign_slug)s", slug))
    if filters["checkout_order_id"] is not None:
        order = {"checkout_order_id": filters["checkout_order_id"]}
        conditions.append(Condition("n.payload -> 'metadata' ->> 'orderId' = %(checkout_order_id)s", order))
    return conditions


def _nudge(facts: dict[str, Any], at: datetime) -> dict[str, Any]:
    times = ("expires_at", "last_triggered_at", "acknowledged_at", "dismissed_at")
    told = facts | {name: _moment(facts[name]) for name in times}
    shown: dict[str, Any] = camelized(nudges.shape(Nudge(**told, created_at=at)))
    return shown


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


LEDGER = Source(
    kind="ledger",
    shown_as="ledger",
    part="ledger",
    table="loyalty_ledger_entries e",
    whose="e.member_id = %(member)s",
    at="e.occurred_at",
    tie="e.number",
    tie_type="integer",
    facts="""jsonb_build_object(
        'id', e.id, 'number', e.number, 'type', e.type, 'points_delta', e.points_delta,
        'points_balance_after', e.points_balance_after, 'stamps_delta', e.stamps_delta,
        'stamps_balance_after', e.stamps_balance_after, 'description', e.description, 'metadata', e.metadata)""",
    shape=_entry,
    narrow=_ledger_filters,
)

REDEMPTIONS = Source(
    kind="redemption",
    shown_as="redemption",
    part="redemptions",
    table="loyalty_redemptions r",
    whose="r.member_id = %(member)s",
    at="r.requested_at",
    tie="r.id",
    tie_type="uuid",
    facts="""jsonb_build_object(
        'id', r.id, 'member_id', r.member_id, 'reward_id', r.reward_id, 'status', r.status,
        'points_cost', r.points_cost, 'quantity', r.quantity, 'fulfilled_at', r.fulfilled_at,
        'cancelled_at', r.cancelled_at, 'reason', r.reason)""",
    shape=_redemption,
    narrow=_redemption_filters,
)

NUDGES = Source(
    kind="nudge",
    shown_as="nudge",
    part="nudges",
    table="loyalty_nudges n",
    whose="n.member_id = %(member)s",
    # When it was first made: what it is reminded of again keeps its place.
    at="n.created_at",
    tie="n.id",
    tie_type="uuid",
    facts="""jsonb_build_object(
        'id', n.id, 'nudge_type', n.nudge_type, 'status', n.status, 'campaign_slug', n.campaign_slug,
        'channels', n.channels, 'priority', n.priority, 'payload', n.payload, 'expires_at', n.expires_at,
        'last_triggered_at', n.last_triggered_at, 'acknowledged_at', n.acknowledged_at,
        'dismissed_at', n.dismissed_at)""",
    shape=_nudge,
    narrow=_nudge_filters,
)


def _referral_filters(filters: Mapping[str, Any]) -> list[Condition]:
    conditions = []
    if filters["referral_statuses"] is not None:
        statuses = {"referral_statuses": filters["referral_statuses"]}
        conditions.append(Condition("i.status = ANY (%(referral_statuses)s::text[])", statuses))
    if filters["referral_code"] is not None:
        conditions.append(Condition("i.code = upper(%(referral_code)s)", {"referral_code": filters["referral_code"]}))
    return conditions


def _referral(facts: dict[str, Any], at: datetime) -> dict[str, Any]:
    times = {name: _moment(facts[name]) for name in ("expires_at", "completed_at")}
    shown: dict[str, Any] = camelized(referral_shapes.invite(Invite(**facts | times, created_at=at)))
    return shown


def _guardrail_filters(filters: Mapping[str, Any]) -> list[Condition]:
    if filters["guardrail_scopes"] is None:
        return []
    scopes = {"guardrail_scopes": filters["guardrail_scopes"]}
    return [Condition("g.scope = ANY (%(guardrail_scopes)s::text[])", scopes)]


def _override(facts: dict[str, Any], at: datetime) -> dict[str, Any]:
    times = {name: _moment(facts[name]) for name in ("expires_at", "revoked_at")}
    row = GuardrailOverride(**facts | times, created_at=at)
    shown: dict[str, Any] = camelized(referral_shapes.override_for_member(row, timezone.now()))
    return shown


REFERRALS = Source(
    kind="referral",
    shown_as="referral",
    part="referrals",
    table="loyalty_referral_invites i",
    whose="i.referrer_id = %(member)s",
    at="i.created_at",
    tie="i.id",
    tie_type="uuid",
    facts="""jsonb_build_object(
        'id', i.id, 'code', i.code, 'status', i.status, 'reward_points', i.reward_points,
        'invitee_email', i.invitee_email, 'expires_at', i.expires_at, 'completed_at', i.completed_at)""",
    shape=_referral,
    narrow=_referral_filters,
)

# What is aimed at the member, or at all of the merchant's.
GUARDRAILS = Source(
    kind="guardrail_override",
    shown_as="override",
    part="guardrails",
    table="loyalty_guardrail_overrides g",
    whose="g.merchant_id = %(merchant)s AND (g.target_member_id IS NULL OR g.target_member_id = %(member)s)",
    at="g.created_at",
    tie="g.id",
    tie_type="uuid",
    facts="""jsonb_build_object(
        'id', g.id, 'scope', g.scope, 'justification', g.justification, 'target_member_id', g.target_member_id,
        'expires_at', g.expires_at, 'revoked_at', g.revoked_at)""",
    shape=_override,
    narrow=_guardrail_filters,
)

SOURCES = (LEDGER, REDEMPTIONS, REFERRALS, NUDGES, GUARDRAILS)
