"""What a checkout tells of an order's loyalty intents."""

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from loyalty.api.doors import OperatorCall, operator_call
from loyalty.api.member import action_outputs, action_shapes
from loyalty.api.operator import inputs
from loyalty.operations import checkout
from loyalty.queries import next_actions
from loyalty_site.http.views import Answer

_EXAMPLE = {
    "orderId": "W-1001",
    "userId": "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b11",
    "action": "confirm",
    "intents": [
        {
            "id": "intent-1",
            "kind": "redemption",
            "createdAt": "2026-03-02T12:00:00Z",
            "rewardSlug": "espresso",
            "quantity": 1,
        },
        {"id": "intent-2", "kind": "referral_share", "createdAt": "2026-03-02T12:00:00Z", "channel": "email"},
    ],
}


class Intents(OperatorCall):
    """POST checkout/intents"""

    @operator_call(
        "sendCheckoutIntents",
        "Confirm or cancel what a member means to do with an order; each intent counts once, and stands alone",
        _EXAMPLE,
        request=inputs.CheckoutInput,
        responses={200: action_outputs.CheckoutOutput},
    )
    def post(self, request: Request) -> HttpResponse:
        asked = self.validated(inputs.CheckoutInput)
        # `orderId` is the order's, checked by the input.
        named = [
            {name: value for name, value in intent.items() if name not in ("id", "order_id")}
            for intent in asked["intents"]
        ]
        intents = [
            checkout.Asked(client_id=intent["id"], **rest) for intent, rest in zip(asked["intents"], named, strict=True)
        ]
        do = checkout.confirm if asked["action"] == "confirm" else checkout.cancel

        def change() -> Answer:
            at = timezone.now()
            outcome = do(
                merchant=self.merchant,
                user_id=asked["user_id"],
                order_id=asked["order_id"],
                intents=intents,
                at=at,
            )
            member, standing = outcome.checkout.member, list(outcome.intents.values())
            waiting = [each for each in standing if next_actions.is_waiting(each, at=at)]
            body = {
                "intents": [action_shapes.intent(each) for each in standing],
                "cards": [action_shapes.card(each, member) for each in waiting],
                "rejected": [
                    {"id": client_id, "code": refusal.code, "detail": refusal.detail}
                    for client_id, refusal in outcome.rejected.items()
                ],
            }
            return Answer(body, about=outcome.customer_id, replayed=outcome.replayed)

        return self.change(change)
