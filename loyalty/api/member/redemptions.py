"""The member's redemptions."""

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import MemberCall, member_call
from loyalty.api.member import action_outputs, action_shapes
from loyalty.api.staff.pages import page_of
from loyalty.models import Redemption
from loyalty_site.http.fields import Input
from loyalty_site.http.pagination import PageQuery


class RedemptionsQuery(PageQuery, Input):
    """`statuses` may be repeated."""

    statuses = serializers.ListField(
        child=serializers.ChoiceField(Redemption.Status.choices), required=False, max_length=10
    )


class Redemptions(MemberCall):
    """GET redemptions"""

    @member_call(
        "readRedemptions",
        "The member's redemptions, newest first, and how many are open",
        parameters=[RedemptionsQuery],
        responses={200: action_outputs.RedemptionPage},
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.queried(RedemptionsQuery)
        member = self.me()
        mine = Redemption.objects.filter(member=member)
        rows = mine.filter(status__in=query["statuses"]) if query.get("statuses") else mine
        query["statuses"] = sorted(set(query.get("statuses", [])))
        page = page_of(
            rows.defer("key", "fingerprint", "metadata"),
            by=("requested_at", "pk"),
            query=query,
            name="redemptions",
            # The caller's name stands for the member: a cursor is nobody else's.
            about=self.caller.name,
            shape=action_shapes.redemption,
        )
        return Response({**page, "pending_count": mine.filter(status=Redemption.Status.REQUESTED).count()})
