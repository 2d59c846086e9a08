"""Cards: enrolling, looking up, replacing, switching off and on."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api import shapes
from loyalty.api.store import inputs, outputs
from loyalty.api.store.views.common import CardView, base_of, call
from loyalty.models import Member
from loyalty.operations import cards, enrollment
from loyalty.operations.enrollment import Person
from loyalty_site.http.views import Answer

CONSENT_SOURCE = "till"


class Cards(CardView):
    """POST, GET cards"""

    @call(
        "enrollCard",
        "Enrol a person; whoever is a member already is answered 200",
        {"email": "ana@example.com", "firstName": "Ana", "lastName": "Weber", "locale": "de", "marketingConsent": True},
        request=inputs.EnrollInput,
        responses={201: outputs.Card, 200: outputs.Card},
    )
    def post(self, request: Request) -> HttpResponse:
        person = Person(**self.validated(inputs.EnrollInput), consent_source=CONSENT_SOURCE)

        def enroll() -> Answer:
            enrolled = enrollment.enroll_at(store=self.store, person=person, at=timezone.now())
            body = shapes.card(enrolled.member, base_of(self))
            return Answer(body, 201 if enrolled.created else 200, about=enrolled.member.customer_id)

        return self.change(enroll)

    @call(
        "lookUpCard",
        "Look a card up by phone number, e-mail address or the shop's own customer number",
        parameters=[inputs.LookUpQuery],
        responses={200: outputs.Card},
    )
    def get(self, request: Request) -> HttpResponse:
        member = cards.look_up(merchant=self.merchant, **self.queried(inputs.LookUpQuery))
        return Response(shapes.card(member, base_of(self)))


class OneCard(CardView):
    """GET cards/{cardNumber}"""

    @call("readCard", "Look a card up by its number", responses={200: outputs.Card})
    def get(self, request: Request, card_number: str) -> HttpResponse:
        return Response(shapes.card(self.card(card_number), base_of(self)))


class ReplaceCard(CardView):
    """POST cards/{cardNumber}/replace"""

    @call(
        "replaceCard",
        "Give a new number for a lost card; the old one is refused from then on",
        {"reason": "lost"},
        request=inputs.ReplaceInput,
        responses={200: outputs.Card},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        asked = self.validated(inputs.ReplaceInput)

        def replace(member: Member, at: datetime) -> Answer:
            return Answer(shapes.card(cards.replace(member=member, at=at, **asked), base_of(self)))

        return self.change_card(card_number, replace, customer=True)


class _Switch(CardView):
    switch: Any

    def post(self, request: Request, card_number: str) -> HttpResponse:
        self.validated(inputs.SwitchInput)

        def turn(member: Member, at: datetime) -> Answer:
            return Answer(shapes.card(type(self).switch(member=member, at=at), base_of(self)))

        return self.change_card(card_number, turn, customer=True)


class DeactivateCard(_Switch):
    """POST cards/{cardNumber}/deactivate"""

    switch = staticmethod(cards.deactivate)

    @call(
        "deactivateCard",
        "Switch a card off: it neither earns nor spends",
        {"reason": "stolen"},
        request=inputs.SwitchInput,
        responses={200: outputs.Card},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        return super().post(request, card_number)


class ReactivateCard(_Switch):
    """POST cards/{cardNumber}/reactivate"""

    switch = staticmethod(cards.reactivate)

    @call(
        "reactivateCard",
        "Switch a card on again; its activity clock starts anew",
        {"reason": "found"},
        request=inputs.SwitchInput,
        responses={200: outputs.Card},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        return super().post(request, card_number)
