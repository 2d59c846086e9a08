"""A member at a glance, for operators and for the member."""

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import USER_ID, SharedCall, operator_call
from loyalty.api.member import outputs, shapes
from loyalty.queries import overview


class OneMember(SharedCall):
    """GET members/{userId}"""

    @operator_call(
        "readMember",
        "A member: points, tier, the way to the next one and what expires soonest; made on first sight",
        parameters=[USER_ID],
        responses={200: outputs.MemberOverview},
    )
    def get(self, request: Request, user_id: str) -> HttpResponse:
        self.unqueried()
        return Response(shapes.overview(overview.overview(self.member(user_id), at=timezone.now())))
