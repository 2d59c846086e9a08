"""Invites of the member who calls."""

from datetime import datetime
from functools import partial
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import MemberCall, tagged_call
from loyalty.api.staff.pages import page_of
from loyalty.models import Member
from loyalty_site.http.fields import moment
from loyalty_site.http.views import Answer
from referrals.api import inputs, outputs, shapes
from referrals.models import Invite
from referrals.operations import invites
from referrals.queries.invites import totals

referral_call = partial(tagged_call, "Referrals")

# A member with more than these looks through the pages of `referrals/conversions`.
MOST = 100


class Referrals(MemberCall):
    """GET, POST referrals"""

    @referral_call(
        "listReferrals",
        f"The member's invites, newest first, at most {MOST}",
        responses={200: outputs.InviteOutput(many=True)},
    )
    def get(self, request: Request) -> HttpResponse:
        rows = Invite.objects.filter(referrer=self.me()).order_by("-created_at", "-pk")[:MOST]
        return Response([shapes.invite(row) for row in rows])

    @referral_call(
        "inviteSomebody",
        "Invite somebody; with an address they are written to",
        {"inviteeEmail": "friend@example.com", "metadata": {"campaign": "spring"}},
        request=inputs.InviteInput,
        responses={201: outputs.InviteOutput},
    )
    def post(self, request: Request) -> HttpResponse:
        asked = self.validated(inputs.InviteInput)

        def invite(member: Member, at: datetime) -> Answer:
            made = invites.create(
                member=member,
                invitee_email=asked.get("invitee_email") or "",
                metadata=asked.get("metadata"),
                at=at,
            )
            return Answer(shapes.invite(made), 201)

        return self.change_me(invite)


class CancelReferral(MemberCall):
    """POST referrals/{id}/cancel"""

    @referral_call(
        "cancelReferral",
        "Take an invite back; one that is not open any more is answered unchanged",
        {"reason": "They have joined already"},
        request=inputs.CancelInviteInput,
        responses={200: outputs.InviteOutput},
    )
    def post(self, request: Request, invite_id: UUID) -> HttpResponse:
        reason = self.validated(inputs.CancelInviteInput).get("reason") or ""

        def cancel() -> Answer:
            # Not locked: the invite is locked before any member.
            member = self.me()
            row = invites.cancel(member=member, invite_id=invite_id, reason=reason, at=timezone.now())
            return Answer(shapes.invite(row), about=member.customer_id)

        return self.change(cancel)


class Conversions(MemberCall):
    """GET referrals/conversions"""

    @referral_call(
        "listConversions",
        "The member's invites page by page, how many are where, and what they brought",
        parameters=[inputs.ConversionsQuery],
        responses={200: outputs.ConversionPage},
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.queried(inputs.ConversionsQuery)
        member = self.me()
        mine = Invite.objects.filter(referrer=member)
        rows = mine.filter(status__in=query["statuses"]) if query.get("statuses") else mine
        query["statuses"] = sorted(set(query.get("statuses", [])))
        page = page_of(
            rows.defer("metadata", "signals"),
            by=("created_at", "pk"),
            query=query,
            name="invites",
            # The caller's name stands for the member: a cursor is nobody else's.
            about=["conversions", self.caller.name],
            shape=shapes.conversion,
        )
        found = totals(member)
        return Response(
            {
                **page,
                "status_counts": found.by_status,
                "converted_points": found.points,
                "last_activity": moment(found.last_activity),
            }
        )
