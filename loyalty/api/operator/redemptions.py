"""Redemptions, asked for and closed by a back office."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from loyalty.api.doors import USER_ID, OperatorCall, as_user_id, operator_call
from loyalty.api.member import action_outputs, action_shapes
from loyalty.api.operator import inputs
from loyalty.models import Member, Redemption
from loyalty.operations import first_sight, redemptions
from loyalty.operations.redemptions import RewardUnavailable
from loyalty.queries import offers
from loyalty.queries.offers import Offer
from loyalty_site.http.views import Answer


class RequestRedemption(OperatorCall):
    """POST members/{userId}/redemptions"""

    @operator_call(
        "requestRedemption",
        "Ask for a reward, or for points to be spent; the points are held until it is fulfilled",
        {"rewardSlug": "espresso", "quantity": 1, "metadata": {"table": "7"}},
        parameters=[USER_ID],
        request=inputs.RedemptionInput,
        responses={201: action_outputs.RedemptionOutput},
    )
    def post(self, request: Request, user_id: str) -> HttpResponse:
        asked = self.validated(inputs.RedemptionInput)
        known = as_user_id(user_id)

        def hold() -> Answer:
            what: dict[str, Any] = {}
            if "reward_slug" in asked:
                member, offer = self._with_reward(known, asked["reward_slug"])
                if offer is None:
                    raise RewardUnavailable(field="reward_slug")
                what["offer"] = offer
            else:
                member, what["points"] = self.member(user_id, for_change=True), asked["points_cost"]
            redemption = redemptions.hold(
                member=member,
                quantity=asked["quantity"],
                metadata=asked.get("metadata"),
                at=timezone.now(),
                **what,
            )
            return Answer(action_shapes.redemption(redemption), 201, about=member.customer_id)

        return self.change(hold)

    def _with_reward(self, user_id: UUID, slug: str) -> tuple[Member, Offer | None]:
        found = offers.by_user(self.merchant.pk, user_id, slug)
        if found is not None:
            return found
        # Not locked yet: one of a former program, or made by somebody else at this moment, is locked after the reward.
        member = first_sight.member_of(merchant=self.merchant, user_id=user_id, at=timezone.now())
        return offers.by_member(member, slug)


class _Closing(OperatorCall):
    def close(self, redemption_id: UUID, close: Callable[[Redemption, datetime], Redemption]) -> HttpResponse:
        """Close the merchant's redemption, or answer it as it stands."""

        def change() -> Answer:
            redemption = redemptions.find(merchant=self.merchant, redemption_id=redemption_id)
            closed = close(redemption, timezone.now())
            return Answer(action_shapes.redemption(closed), about=redemption.member.customer_id)

        return self.change(change)


class Fulfill(_Closing):
    """POST redemptions/{id}/fulfill"""

    @operator_call(
        "fulfillRedemption",
        "The member has it: the held points are spent; one that is closed is answered unchanged",
        {"description": "Espresso at the counter", "metadata": {"till": "2"}},
        request=inputs.FulfillInput,
        responses={200: action_outputs.RedemptionOutput},
    )
    def post(self, request: Request, redemption_id: UUID) -> HttpResponse:
        asked = self.validated(inputs.FulfillInput)
        return self.close(redemption_id, lambda row, at: redemptions.fulfil(redemption=row, at=at, **asked))


class Fail(_Closing):
    """POST redemptions/{id}/fail"""

    @operator_call(
        "failRedemption",
        "It cannot be fulfilled: the held points are free again; one that is closed is answered unchanged",
        {"reason": "The oven broke down"},
        request=inputs.FailInput,
        responses={200: action_outputs.RedemptionOutput},
    )
    def post(self, request: Request, redemption_id: UUID) -> HttpResponse:
        asked = self.validated(inputs.FailInput)
        return self.close(redemption_id, lambda row, at: redemptions.fail(redemption=row, at=at, **asked))


class Cancel(_Closing):
    """POST redemptions/{id}/cancel"""

    @operator_call(
        "cancelRedemption",
        "It is not wanted any more: the held points are free again; one that is closed is answered unchanged",
        {"reason": "Changed their mind"},
        request=inputs.CancelInput,
        responses={200: action_outputs.RedemptionOutput},
    )
    def post(self, request: Request, redemption_id: UUID) -> HttpResponse:
        asked = self.validated(inputs.CancelInput)
        return self.close(redemption_id, lambda row, at: redemptions.cancel(redemption=row, at=at, **asked))
