"""What the timeline is made of. Another app's table joins it with one more source here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from loyalty.api.member import action_shapes, shapes
from loyalty.models import Redemption
from loyalty.queries.ledger_window import Line, expanded
from loyalty_site.http.casing import camelized
from loyalty_site.storefront.timeline import Condition, Source
from notifications.api import nudges
from notifications.models import Nudge


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

SOURCES = (LEDGER, REDEMPTIONS, NUDGES)
