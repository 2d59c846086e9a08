"""What a till shows on its screen."""

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api import shapes
from loyalty.api.store import outputs
from loyalty.api.store.views.common import call
from loyalty.models import Program, Reward
from loyalty.queries import catalogue
from loyalty_site.http.views import StoreView
from loyalty_site.refusals import NotFound


class ShowProgram(StoreView):
    """GET program"""

    @call("readProgram", "The merchant's active program, its tiers and rewards", responses={200: outputs.StoreProgram})
    def get(self, request: Request) -> HttpResponse:
        program = Program.objects.filter(merchant=self.merchant, is_active=True).first()
        if program is None:
            raise NotFound
        rewards = catalogue.offered(Reward.objects.filter(program=program), at=timezone.now())
        return Response(shapes.program(program, list(rewards)))
