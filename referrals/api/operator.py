"""Invites and conversions, as a back end makes them, and the guardrails."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import USER_ID, OperatorCall
from loyalty.models import Member
from loyalty_site.http.fields import moment
from loyalty_site.http.views import Answer
from referrals.api import inputs, outputs, shapes
from referrals.api.member import referral_call
from referrals.operations import conversions, finding, guardrails, invites
from referrals.queries import guardrails as standing


class InviteFor(OperatorCall):
    """POST members/{userId}/referrals"""

    @referral_call(
        "inviteForMember",
        "Invite somebody in a member's name, within the member's limits",
        {"inviteeEmail": "friend@example.com", "rewardPoints": 250, "metadata": {"channel": "receipt"}},
        parameters=[USER_ID],
        request=inputs.OperatorInviteInput,
        responses={201: outputs.InviteOutput},
    )
    def post(self, request: Request, user_id: str) -> HttpResponse:
        asked = self.validated(inputs.OperatorInviteInput)

        def invite(member: Member, at: datetime) -> Answer:
            made = invites.create(
                member=member,
                invitee_email=asked.get("invitee_email") or "",
                reward_points=asked.get("reward_points"),
                metadata=asked.get("metadata"),
                at=at,
            )
            return Answer(shapes.invite(made), 201)

        return self.change_member(user_id, invite)


class Complete(OperatorCall):
    """POST referrals/complete"""

    @referral_call(
        "completeReferral",
        "Somebody came with this code: the invite converts and both sides are credited, once",
        {
            "code": "R7K2M9QX",
            "inviteeUserId": "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b11",
            "orderReference": "till-1/W-1001",
            "orderAmount": "24.50",
        },
        request=inputs.CompleteInput,
        responses={200: outputs.InviteOutput},
    )
    def post(self, request: Request) -> HttpResponse:
        asked = self.validated(inputs.CompleteInput)
        user_id = asked["invitee_user_id"]

        def complete(row: tuple[Any, ...] | None) -> Answer:
            invite = conversions.complete(
                merchant=self.merchant,
                code=asked["code"],
                invitee_user_id=user_id,
                order_reference=asked.get("order_reference", ""),
                order_amount=asked.get("order_amount"),
                row=row,
                at=timezone.now(),
            )
            return Answer(shapes.invite(invite), about=invite.referrer.customer_id, replayed=invite.replayed)

        return self.change_of(finding.reading(self.merchant.pk, asked["code"], user_id=user_id), complete)


class Guardrails(OperatorCall):
    """GET guardrails"""

    @referral_call(
        "readGuardrails",
        "The limits of invitations, how near members are to them, and the overrides",
        responses={200: outputs.GuardrailsOutput},
    )
    def get(self, request: Request) -> HttpResponse:
        at = timezone.now()
        found = standing.state(self.merchant, at=at)
        return Response(
            {
                "invite_quota": found.quota,
                "total_active_invites": found.active_invites,
                "members_at_quota": found.members_at_quota,
                "cooldown_seconds": found.cooldown_seconds,
                "cooldown_remaining_seconds": found.cooldown_remaining(at),
                "cooldown_until": moment(found.cooldown_until),
                "throttle_override_active": found.is_throttled,
                "overrides": [shapes.override(row, at) for row in found.overrides],
            }
        )


class Overrides(OperatorCall):
    """POST guardrails/overrides"""

    @referral_call(
        "overrideGuardrail",
        "Lift a limit for one member or for all, or stop new invites; it takes the place of the one there is",
        {"scope": "invite_quota", "justification": "Launch week", "expiresAt": "2199-03-09T12:00:00Z"},
        request=inputs.OverrideInput,
        responses={201: outputs.OverrideOutput},
    )
    def post(self, request: Request) -> HttpResponse:
        asked = self.validated(inputs.OverrideInput)

        def override() -> Answer:
            at = timezone.now()
            made = guardrails.override(merchant=self.merchant, at=at, **asked)
            return Answer(shapes.override(made, at), 201, about=made.target_customer_id)

        return self.change(override)
