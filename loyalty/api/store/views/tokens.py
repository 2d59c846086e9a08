"""Tokens for a storefront's signed-in customers."""

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from loyalty.api.store import inputs, outputs
from loyalty.api.store.views.common import CardView, call
from loyalty.operations import first_sight
from loyalty_site.http import tokens
from loyalty_site.http.fields import moment
from loyalty_site.http.models import Scope
from loyalty_site.http.views import Answer


class MemberTokens(CardView):
    """POST member-tokens"""

    scope = Scope.MEMBER_TOKENS

    @call(
        "issueMemberToken",
        "A token of an hour for the storefront's own signed-in customer",
        {"cardNumber": "4929853724106118"},
        request=inputs.MemberTokenInput,
        responses={201: outputs.MemberToken},
    )
    def post(self, request: Request) -> HttpResponse:
        asked = self.validated(inputs.MemberTokenInput)

        def issue() -> Answer:
            at = timezone.now()
            if "card_number" in asked:
                customer = self.card(asked["card_number"]).customer
            else:
                user_id = asked["user_id"]
                customer = first_sight.member_of(merchant=self.merchant, user_id=user_id, at=at).customer
            text, token = tokens.issue(merchant_id=self.merchant.pk, user_id=customer.user_id, at=at)
            body = {"token": text, "expires_at": moment(token.expires_at), "user_id": str(token.user_id)}
            return Answer(body, 201, about=customer.pk)

        return self.change(issue)
