"""What everybody may know of a program."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import member_call
from loyalty.api.member import outputs, shapes
from loyalty.queries import catalogue
from loyalty_site.http.credentials import Caller
from loyalty_site.http.fields import Input
from loyalty_site.http.views import PublicView
from loyalty_site.tenants.models import Merchant


class CatalogueQuery(Input):
    """`merchant` names one, for callers without a credential; it may be left out where there is only one."""

    merchant = serializers.SlugField(required=False, max_length=60)


class _Catalogue(PublicView):
    def asked(self) -> Merchant:
        """The merchant of the credential, else the one named, else the only one. Raises `NotFound`, `WhichMerchant`."""
        slug = self.queried(CatalogueQuery).get("merchant")
        caller: Any = self.request.user
        return self.merchant if isinstance(caller, Caller) else catalogue.merchant_meant(slug)


class Tiers(_Catalogue):
    """GET tiers"""

    @member_call(
        "readTiers",
        "The program's active tiers, lowest threshold first",
        parameters=[CatalogueQuery],
        responses={200: outputs.CatalogueTier(many=True)},
    )
    def get(self, request: Request) -> HttpResponse:
        return Response([shapes.tier(row) for row in catalogue.tiers(self.asked())])


class Rewards(_Catalogue):
    """GET rewards"""

    @member_call(
        "readRewards",
        "The program's active rewards, cheapest first; not those that have not begun, or are over",
        parameters=[CatalogueQuery],
        responses={200: outputs.CatalogueReward(many=True)},
    )
    def get(self, request: Request) -> HttpResponse:
        return Response([shapes.reward(row) for row in catalogue.rewards(self.asked(), at=timezone.now())])
