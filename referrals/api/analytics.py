"""Segments and velocity: what the night's snapshot says."""

from typing import Any

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_site.http.fields import Input
from loyalty_site.http.pagination import cursor_for, position_in
from loyalty_site.http.views import OperatorView, SharedView
from referrals.api import analytics_shapes as shape
from referrals.api.member import referral_call
from referrals.queries import segments, velocity
from referrals.segment_texts import language_for


class Segments(SharedView):
    """GET referrals/segments"""

    @referral_call(
        "readSegments",
        "Members by when they last did something, and what they did in 30 days",
        responses={200: shape.SegmentsOutput},
    )
    def get(self, request: Request) -> Response:
        self.queried(Input)
        language = language_for(self.merchant, self.user_id)
        return Response(shape.segments(segments.latest(self.merchant, timezone.now()), language))


class Velocity(OperatorView):
    """GET analytics/velocity"""

    @referral_call(
        "listVelocity",
        "Invites, conversions and points earned by day of capture, newest first",
        parameters=[shape.VelocityQuery],
        responses={200: shape.VelocityPage},
    )
    def get(self, request: Request) -> Response:
        query: dict[str, Any] = self.queried(shape.VelocityQuery)
        bound_to = ["velocity", str(self.merchant.pk)]
        limit = query["limit"]
        before = shape.day(position_in(query["cursor"], bound_to=bound_to)) if query.get("cursor") else None
        found = velocity.page(self.merchant, timezone.now(), limit=limit + 1, before=before)
        cursor = cursor_for(found[limit - 1].day, bound_to=bound_to) if len(found) > limit else None
        return Response({"snapshots": [shape.velocity(each) for each in found[:limit]], "next_cursor": cursor})
