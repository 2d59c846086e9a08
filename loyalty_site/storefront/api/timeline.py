"""The member's timeline."""

from typing import Any

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from loyalty.api.doors import MemberCall, member_call
from loyalty.api.member.action_outputs import RedemptionOutput
from loyalty.api.member.outputs import LedgerLine
from loyalty.models import Redemption
from loyalty.queries import ledger_window
from loyalty_site.http.casing import camel
from loyalty_site.http.fields import Input, QueryFlag, Text, moment
from loyalty_site.http.pagination import Cursor, cursor_for, position_in
from loyalty_site.storefront import timeline
from loyalty_site.storefront.sources import SOURCES
from notifications.api.nudges import NudgeOutput
from notifications.models import Nudge
from referrals.api.outputs import InviteOutput, MemberOverrideOutput
from referrals.models import GuardrailOverride, Invite

KINDS = ("ledger", "redemption", "referral", "nudge", "guardrail_override")
DEFAULT_LIMIT, MOST = 20, 50


def _some_of(choices: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(choices), required=False, default=None, max_length=len(choices)
    )


class TimelineQuery(Input):
    """What to show, how much, and from where on. Each filter narrows the entries it knows of and no others."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=DEFAULT_LIMIT)
    cursor = Cursor(required=False)
    include_ledger = QueryFlag(default=True)
    include_redemptions = QueryFlag(default=True)
    include_referrals = QueryFlag(default=True)
    include_nudges = QueryFlag(default=True)
    include_guardrails = QueryFlag(default=True)
    ledger_types = _some_of(ledger_window.TYPES)
    redemption_statuses = _some_of(Redemption.Status.values)
    referral_statuses = _some_of(Invite.Status.values)
    nudge_statuses = _some_of(Nudge.Status.values)
    guardrail_scopes = _some_of(GuardrailOverride.Scope.values)
    referral_code = Text(required=False, default=None, max_length=64)
    campaign_slug = Text(required=False, default=None, max_length=64)
    checkout_order_id = Text(required=False, default=None, max_length=64)


_FILTERS = tuple(str(name) for name in TimelineQuery().get_fields() if name not in ("limit", "cursor"))


class TimelineEntry(serializers.Serializer[Any]):
    """Something that happened; the object of its kind tells more."""

    kind = serializers.ChoiceField(KINDS)
    id = serializers.UUIDField()
    occurred_at = serializers.DateTimeField()
    ledger = LedgerLine(required=False)
    redemption = RedemptionOutput(required=False)
    referral = InviteOutput(required=False)
    nudge = NudgeOutput(required=False)
    override = MemberOverrideOutput(required=False)


class TimelineCursor(serializers.Serializer[Any]):
    """How far each source has been read: a time, for people; null where none was read."""

    ledger = serializers.DateTimeField(allow_null=True)
    redemptions = serializers.DateTimeField(allow_null=True)
    referrals = serializers.DateTimeField(allow_null=True)
    nudges = serializers.DateTimeField(allow_null=True)
    guardrails = serializers.DateTimeField(allow_null=True)


class AppliedFilters(serializers.Serializer[Any]):
    """What was asked for; null where nothing was."""

    include_ledger = serializers.BooleanField()
    include_redemptions = serializers.BooleanField()
    include_referrals = serializers.BooleanField()
    include_nudges = serializers.BooleanField()
    include_guardrails = serializers.BooleanField()
    ledger_types = serializers.ListField(child=serializers.CharField(), allow_null=True)
    redemption_statuses = serializers.ListField(child=serializers.CharField(), allow_null=True)
    referral_statuses = serializers.ListField(child=serializers.CharField(), allow_null=True)
    nudge_statuses = serializers.ListField(child=serializers.CharField(), allow_null=True)
    guardrail_scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    referral_code = serializers.CharField(allow_null=True)
    campaign_slug = serializers.CharField(allow_null=True)
    checkout_order_id = serializers.CharField(allow_null=True)


class TimelinePage(serializers.Serializer[Any]):
    """Entries, newest first; `cursorToken` is the `cursor` that leads on, and null at the end."""

    entries = TimelineEntry(many=True)
    cursor = TimelineCursor()
    cursor_token = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()
    applied_filters = AppliedFilters()


class Timeline(MemberCall):
    """GET timeline"""

    @member_call(
        "readTimeline",
        "Everything that happened to the member, newest first",
        parameters=[TimelineQuery],
        responses={200: TimelinePage},
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.queried(TimelineQuery)
        filters = {name: _once(query[name]) for name in _FILTERS}
        bound_to = ["timeline", self.caller.name, filters]
        positions: dict[str, Any] = {}
        if (cursor := query.get("cursor")) is not None:
            positions = position_in(cursor, bound_to=bound_to)
        page = timeline.read(self.me(), SOURCES, filters=filters, positions=positions, limit=query["limit"])
        token = cursor_for(page.positions, bound_to=bound_to) if page.has_more else None
        read_to = {
            part: position[0].replace("+00:00", "Z")
            for part, position in page.positions.items()
            if position is not None
        }
        return self.answered(
            {
                "entries": [_entry(one) for one in page.entries],
                "cursor": {part: read_to.get(part) for part in timeline.PARTS},
                "cursorToken": token,
                "hasMore": page.has_more,
                "appliedFilters": {camel(name): value for name, value in filters.items()},
            }
        )


def _once(value: Any) -> Any:
    """The filter, its values each once."""
    return list(dict.fromkeys(value)) if isinstance(value, list) else value


def _entry(one: timeline.Found) -> dict[str, Any]:
    return {
        "kind": one.source.kind,
        "id": one.facts["id"],
        "occurredAt": moment(one.at),
        one.source.shown_as: one.shown,
    }
