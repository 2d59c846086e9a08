"""Points: earned, previewed, spent, taken back, undone."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api import shapes
from loyalty.api.store import inputs, outputs
from loyalty.api.store.views.common import CardReadAlong, CardView, call, within_range
from loyalty.ledger_credit import Keeper
from loyalty.models import LedgerEntry, Member
from loyalty.operations import points, redemptions, refunds
from loyalty.operations.redemptions import RewardUnavailable
from loyalty.queries import offers
from loyalty_site.http.views import Answer, StoreView


class EarnPoints(CardReadAlong):
    """POST cards/{cardNumber}/points"""

    body_ahead = inputs.EarnInput

    @call(
        "earnPoints",
        "Earn points for a purchase; one order earns once",
        {"amount": "4.50", "currency": "EUR", "orderReference": "till-1/W-1001"},
        request=inputs.EarnInput,
        responses={201: outputs.Entry, 200: outputs.Entry},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        purchase = self.validated(inputs.EarnInput)

        def at_once(member: Member, at: datetime, keeper: Keeper | None) -> LedgerEntry | None:
            within_range(purchase.get("occurred_at"), at)
            return points.earn_at_once(member=member, store=self.store, at=at, keeper=keeper, **purchase)

        def earn(member: Member, at: datetime) -> Answer:
            within_range(purchase.get("occurred_at"), at)
            entry = points.earn(member=member, store=self.store, at=at, **purchase)
            return Answer(shapes.entry(entry), 201, replayed=entry.replayed)

        return self.write_at_once(at_once, shapes.entry) or self.change_card(card_number, earn)


class PreviewPoints(CardView):
    """POST cards/{cardNumber}/points/preview"""

    @call(
        "previewPoints",
        "What a purchase would earn, and why; writes nothing",
        {"amount": "4.50"},
        request=inputs.PreviewInput,
        responses={200: outputs.Preview},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        purchase = self.validated(inputs.PreviewInput)
        worth = points.preview(member=self.card(card_number), at=timezone.now(), **purchase)
        return Response({"points": worth.points, "why": worth.facts})


class RedeemPoints(CardView):
    """POST cards/{cardNumber}/points/redeem"""

    @call(
        "redeemPoints",
        "Spend points, or the points of a reward, at the counter; one order redeems once",
        {"points": 120, "orderReference": "till-1/R-77"},
        request=inputs.RedeemInput,
        responses={201: outputs.Spent, 200: outputs.Spent},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        asked = self.validated(inputs.RedeemInput)
        slug = asked.get("reward_slug")

        def redeem() -> Answer:
            what: dict[str, Any]
            if slug is None:
                member = self.card(card_number, for_change=True)
                what = {"points": asked["points"]}
            else:
                found = offers.by_card(self.merchant.pk, card_number, slug)
                # Nobody: asked again without the reward, for the refusal that says why.
                member, offer = found if found is not None else (self.card(card_number), None)
                if offer is None:
                    raise RewardUnavailable(field="reward_slug")
                what = {"offer": offer}
            at = timezone.now()
            redemption = redemptions.redeem(
                member=member,
                store=self.store,
                order_reference=asked["order_reference"],
                at=within_range(asked.get("occurred_at"), at) or at,
                **what,
            )
            return Answer(shapes.spent(redemption), 201, about=member.customer_id, replayed=redemption.replayed)

        return self.change(redeem)


class RefundPoints(CardView):
    """POST cards/{cardNumber}/refunds"""

    @call(
        "refundPoints",
        "Take back the points of a return; what is not there any more is the shortfall, and is not owed",
        {"amount": "4.50", "orderReference": "till-1/W-1001", "refundReference": "till-1/B-12"},
        request=inputs.RefundInput,
        responses={201: outputs.Refund, 200: outputs.Refund},
    )
    def post(self, request: Request, card_number: str) -> HttpResponse:
        asked = self.validated(inputs.RefundInput)

        def refund(member: Member, at: datetime) -> Answer:
            within_range(asked.get("occurred_at"), at)
            entry = refunds.refund(member=member, store=self.store, at=at, **asked)
            return Answer(shapes.refund(entry), 201, replayed=entry.replayed)

        return self.change_card(card_number, refund)


class VoidTransaction(StoreView):
    """POST transactions/{entryId}/void"""

    @call(
        "voidTransaction",
        "Undo a purchase or a stamp of this store, within the program's hours",
        {"reason": "rung up twice"},
        request=inputs.VoidInput,
        responses={201: outputs.Entry, 200: outputs.Entry},
    )
    def post(self, request: Request, entry_id: UUID) -> HttpResponse:
        asked = self.validated(inputs.VoidInput)

        def void() -> Answer:
            entry = refunds.void(store=self.store, entry_id=entry_id, at=timezone.now(), **asked)
            return Answer(shapes.entry(entry), 201, about=entry.member.customer_id, replayed=entry.replayed)

        return self.change(void)
