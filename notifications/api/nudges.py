"""What the member is reminded of, and what they say to it."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import MemberCall, member_call
from loyalty_site.http.fields import Input, moment
from loyalty_site.http.views import Answer
from notifications.models import Channel, Nudge, NudgeType
from notifications.nudges import feed

DEFAULT_HISTORY, MOST_HISTORY = 100, feed.MOST


class NudgeOutput(serializers.Serializer[Any]):
    """A nudge in the member's language. The field list is complete."""

    id = serializers.UUIDField()
    nudge_type = serializers.ChoiceField(NudgeType.choices)
    headline = serializers.CharField()
    body = serializers.CharField()
    cta_label = serializers.CharField()
    cta_href = serializers.CharField()
    expires_at = serializers.DateTimeField()
    priority = serializers.IntegerField()
    metadata = serializers.DictField()
    campaign_slug = serializers.CharField()
    channels = serializers.ListField(child=serializers.ChoiceField(Channel.choices))
    status = serializers.ChoiceField(Nudge.Status.choices)
    last_triggered_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    dismissed_at = serializers.DateTimeField(allow_null=True)


class NudgeList(serializers.Serializer[Any]):
    """Nudges, in the order to show them."""

    nudges = NudgeOutput(many=True)


class HistoryQuery(Input):
    """How many."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST_HISTORY, default=DEFAULT_HISTORY)


class AnswerInput(Input):
    """`acknowledged` unless it says `dismissed`, or `active` to have it back."""

    status = serializers.ChoiceField(
        [Nudge.Status.ACTIVE.value, Nudge.Status.ACKNOWLEDGED.value, Nudge.Status.DISMISSED.value],
        required=False,
        default=Nudge.Status.ACKNOWLEDGED.value,
    )


class Nudges(MemberCall):
    """GET nudges"""

    @member_call(
        "readNudges",
        "What the member is reminded of now: the highest priority first, then what is over soonest",
        responses={200: NudgeList},
    )
    def get(self, request: Request) -> HttpResponse:
        found = feed.current(self.me(), at=timezone.now())
        return Response({"nudges": [shape(each) for each in found]})


class NudgeHistory(MemberCall):
    """GET nudges/history"""

    @member_call(
        "readNudgeHistory",
        "The member's nudges of every status, newest first",
        parameters=[HistoryQuery],
        responses={200: NudgeList},
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.queried(HistoryQuery)
        return Response({"nudges": [shape(each) for each in feed.history(self.me(), limit=query["limit"])]})


class NudgeStatus(MemberCall):
    """POST nudges/{id}/status"""

    @member_call(
        "answerNudge",
        "Acknowledge or dismiss a nudge: it stays so until its signal is a new one",
        {"status": "dismissed"},
        request=AnswerInput,
        responses={204: None},
    )
    def post(self, request: Request, nudge_id: UUID) -> HttpResponse:
        status = self.validated(AnswerInput)["status"]
        user_id = self.user_id
        assert user_id is not None  # noqa: S101 (members alone come in)

        def answer() -> Answer:
            customer_id = feed.answer(
                merchant=self.merchant, user_id=user_id, nudge_id=nudge_id, status=status, at=timezone.now()
            )
            return Answer(None, 204, about=customer_id)

        return self.change(answer)


def shape(row: Nudge) -> dict[str, Any]:
    """A nudge as its member sees it. What was forgotten has no words left."""
    said = row.payload
    return {
        "id": str(row.pk),
        "nudge_type": str(row.nudge_type),
        "headline": said.get("headline", ""),
        "body": said.get("body", ""),
        "cta_label": said.get("ctaLabel", ""),
        "cta_href": said.get("ctaHref", ""),
        "expires_at": moment(row.expires_at),
        "priority": row.priority,
        "metadata": said.get("metadata", {}),
        "campaign_slug": row.campaign_slug,
        "channels": list(row.channels),
        "status": str(row.status),
        "last_triggered_at": moment(row.last_triggered_at),
        "acknowledged_at": moment(row.acknowledged_at),
        "dismissed_at": moment(row.dismissed_at),
    }
