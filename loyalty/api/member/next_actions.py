"""What the member may do next, and that it is done."""

from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import MemberCall, member_call
from loyalty.api.member import action_outputs, action_shapes
from loyalty.operations import checkout
from loyalty.queries import next_actions
from loyalty_site.http.fields import Input
from loyalty_site.http.views import Answer


class ResolveInput(Input):
    """`resolved` unless it says `cancelled`, which also lets go of what is held."""

    status = serializers.ChoiceField(["resolved", "cancelled"], required=False, default="resolved")


class NextActions(MemberCall):
    """GET next-actions"""

    @member_call(
        "readNextActions",
        "The member's pending intents and cards of them in the member's language, oldest first",
        responses={200: action_outputs.NextActions},
    )
    def get(self, request: Request) -> HttpResponse:
        self.unqueried()
        member = self.me()
        waiting = next_actions.pending(member, at=timezone.now())
        return Response(
            {
                "intents": [action_shapes.intent(each) for each in waiting],
                "cards": [action_shapes.card(each, member) for each in waiting],
            }
        )


class Resolve(MemberCall):
    """POST next-actions/{id}/resolve"""

    @member_call(
        "resolveNextAction",
        "Take an intent out of the feed; one that is not pending is answered unchanged",
        {"status": "resolved"},
        request=ResolveInput,
        responses={200: action_outputs.IntentOutput},
    )
    def post(self, request: Request, intent_id: UUID) -> HttpResponse:
        asked = self.validated(ResolveInput)
        user_id = self.user_id
        assert user_id is not None  # noqa: S101 (members alone come in)

        def resolve() -> Answer:
            intent = checkout.resolve(
                merchant=self.merchant,
                user_id=user_id,
                intent_id=intent_id,
                status=asked["status"],
                at=timezone.now(),
            )
            return Answer(action_shapes.intent(intent), about=intent.member.customer_id)

        return self.change(resolve)
