"""The stamp card: stamped, handed in, undone."""

from datetime import datetime

from django.http import HttpResponse
from rest_framework.request import Request

from loyalty.api import shapes
from loyalty.api.store import inputs, outputs
from loyalty.api.store.views.common import CardView, call, within_range
from loyalty.models import Member
from loyalty.operations import refunds, stamps
from loyalty_site.http.views import Answer


class AddStamps(CardView):
    """POST cards/{cardNumber}/stamps"""

    @call(
        "addStamps",
        "Stamp the card; at the target a reward is ready",
        {"count": 1, "orderReference": "till-1/W-1001"},
        request=inputs.StampInput,
        responses={201: outputs.Entry, 200: outputs.Entry},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        asked = self.validated(inputs.StampInput)

        def stamp(member: Member, at: datetime) -> Answer:
            within_range(asked.get("occurred_at"), at)
            entry = stamps.add(member=member, store=self.store, at=at, **asked)
            return Answer(shapes.entry(entry), 201, replayed=entry.replayed)

        return self.change_card(card_number, stamp)


class RedeemStamps(CardView):
    """POST cards/{cardNumber}/stamps/redeem"""

    @call(
        "redeemStamps",
        "Hand in a full stamp card: exactly the target is taken, the rest stays",
        {"reference": "till-1/S-4"},
        request=inputs.StampsRedeemInput,
        responses={201: outputs.Entry, 200: outputs.Entry},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        asked = self.validated(inputs.StampsRedeemInput)
        reference = asked.get("reference")

        def redeem(member: Member, at: datetime) -> Answer:
            occurred_at = within_range(asked.get("occurred_at"), at)
            entry = stamps.redeem(member=member, store=self.store, at=at, key=reference, occurred_at=occurred_at)
            return Answer(shapes.entry(entry), 201, replayed=entry.replayed)

        return self.change_card(card_number, redeem)


class VoidStamps(CardView):
    """POST cards/{cardNumber}/stamps/void"""

    @call(
        "voidStamps",
        "Undo stamps of this store on this card",
        {"entryId": "0192d2a4-7c1e-7b1a-9f63-0d9a4a8f4c11", "reason": "wrong card"},
        request=inputs.StampsVoidInput,
        responses={201: outputs.Entry, 200: outputs.Entry},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        asked = self.validated(inputs.StampsVoidInput)

        def void(member: Member, at: datetime) -> Answer:
            entry = refunds.void(store=self.store, at=at, member=member, stamps_alone=True, **asked)
            return Answer(shapes.entry(entry), 201, replayed=entry.replayed)

        return self.change_card(card_number, void)
