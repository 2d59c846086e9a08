"""Points at the counter."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api import shapes
from loyalty.api.store import serializers as take
from loyalty.operations import cards, points
from loyalty_site.http.views import Answer, StoreView
from loyalty_site.refusals import Refusal

TAG = "Loyalty - Store"
OLDEST, NEWEST = timedelta(days=30), timedelta(minutes=5)


class OccurredAtOutOfRange(Refusal):
    """A till may send what happened up to 30 days ago, and up to 5 minutes ahead of our clock."""

    code = "occurred_at_out_of_range"
    status = 422
    sentence = "occurredAt may lie 30 days back and 5 minutes ahead."


def within_range(occurred_at: datetime | None, at: datetime) -> datetime | None:
    """`occurred_at`, where the API takes it. Raises `OccurredAtOutOfRange`."""
    if occurred_at is not None and not at - OLDEST <= occurred_at <= at + NEWEST:
        raise OccurredAtOutOfRange
    return occurred_at


class EarnPoints(StoreView):
    """POST cards/{cardNumber}/points"""

    @extend_schema(
        tags=[TAG],
        operation_id="earnPoints",
        summary="Earn points for a purchase",
        request=take.EarnInput,
        responses={201: take.Entry, 200: take.Entry},
        examples=[
            OpenApiExample(
                "purchase",
                value={"amount": "4.50", "currency": "EUR", "orderReference": "till-1/W-1001"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, card_number: str) -> Response:
        purchase: dict[str, Any] = self.validated(take.EarnInput)
        at = timezone.now()
        within_range(purchase.get("occurred_at"), at)

        def earn() -> Answer:
            member = cards.find(merchant=self.merchant, card_number=card_number)
            entry = points.earn(member=member, store=self.store, at=at, **purchase)
            return Answer(shapes.entry(entry), 201, about=member.customer_id, replayed=entry.replayed)

        return self.change(earn)
