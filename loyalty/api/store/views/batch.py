"""What a till did while it was offline, in one call."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from loyalty.api import shapes
from loyalty.api.store import inputs, outputs
from loyalty.api.store.views.cards import CONSENT_SOURCE
from loyalty.api.store.views.common import base_of, call, within_range
from loyalty.operations import batches
from loyalty.operations.batches import Operation, Outcome
from loyalty.operations.enrollment import Person
from loyalty_site.http import errors
from loyalty_site.http.fields import Input, Reference, Text
from loyalty_site.http.views import Answer, StoreView, taken
from loyalty_site.refusals import Refusal

# What each operation takes, besides `clientId`, `op` and, for all but these two, `cardNumber`.
TAKES: dict[str, type[Input]] = {
    "enroll": inputs.EnrollInput,
    "earn": inputs.EarnInput,
    "stamp": inputs.StampInput,
    "stampsRedeem": inputs.StampsRedeemInput,
    "redeem": inputs.RedeemInput,
    "refund": inputs.RefundInput,
    "void": inputs.StampsVoidInput,
}
_WITHOUT_CARD = ("enroll", "void")
_EXAMPLE = {
    "operations": [
        {"clientId": "1", "op": "earn", "cardNumber": "4929853724106118", "amount": "4.50", "orderReference": "W-1001"},
        {"clientId": "2", "op": "stamp", "cardNumber": "4929853724106118", "orderReference": "W-1001"},
    ]
}


class _Head(Input):
    client_id = Reference()
    op = serializers.ChoiceField(sorted(TAKES))


class _CardHead(Input):
    card_number = Text(max_length=32)


class Batch(StoreView):
    """POST batch"""

    @call(
        "runBatch",
        "Up to 100 operations a till has queued, in their order, each with its own result, each once",
        _EXAMPLE,
        request=inputs.BatchInput,
        responses={200: outputs.BatchOutput},
    )
    def post(self, request: Request) -> HttpResponse:
        asked = self.validated(inputs.BatchInput)["operations"]

        def run() -> Answer:
            at = timezone.now()
            results: list[dict[str, Any] | None] = []
            operations: list[tuple[int, Operation]] = []
            seen: set[str] = set()
            for place, one in enumerate(asked):
                results.append(None)
                try:
                    operations.append((place, _operation(one, seen, at)))
                except serializers.ValidationError as error:
                    results[place] = _refused(one, errors.of_invalid(error))
                except Refusal as refusal:
                    results[place] = _refused(one, errors.of_refusal(refusal))
            outcomes = batches.run(store=self.store, operations=[one for _, one in operations], at=at)
            base = base_of(self)
            for (place, _), outcome in zip(operations, outcomes, strict=True):
                results[place] = _result(asked[place], outcome, base)
            return Answer({"results": results})

        return self.change(run)


def _operation(given: Any, seen: set[str], at: datetime) -> Operation:
    """The operation as its own call would take it. Raises ValidationError, Refusal."""
    if not isinstance(given, dict):
        raise serializers.ValidationError("An operation is an object.")
    head = taken(_Head, {name: given[name] for name in ("client_id", "op") if name in given})
    rest = {name: value for name, value in given.items() if name not in ("client_id", "op")}
    if head["client_id"] in seen:
        raise serializers.ValidationError(
            {"client_id": [serializers.ErrorDetail("It stands twice in this batch.", "repeated")]}
        )
    seen.add(head["client_id"])
    fields: dict[str, Any] = {}
    if head["op"] not in _WITHOUT_CARD:
        fields = taken(_CardHead, {name: rest.pop(name) for name in ("card_number",) if name in rest})
    fields = {**fields, **taken(TAKES[head["op"]], rest)}
    if head["op"] == "enroll":
        fields = {"person": Person(**fields, consent_source=CONSENT_SOURCE)}
    within_range(fields.get("occurred_at"), at)
    return Operation(head["client_id"], "stamps_redeem" if head["op"] == "stampsRedeem" else head["op"], fields)


def _named(given: Any) -> dict[str, Any]:
    """The names of the operation, where they were given as texts."""
    facts = given if isinstance(given, dict) else {}
    return {name: value if isinstance(value := facts.get(name), str) else None for name in ("client_id", "op")}


def _refused(given: Any, problem: dict[str, Any]) -> dict[str, Any]:
    return _named(given) | {"status": problem["status"], "replayed": False, "result": None, "problem": problem}


def _result(given: Any, outcome: Outcome, base: str) -> dict[str, Any]:
    if outcome.refusal is not None:
        return _refused(given, errors.of_refusal(outcome.refusal))
    body: dict[str, Any]
    if outcome.enrolled is not None:
        body = shapes.card(outcome.enrolled.member, base)
    elif outcome.redemption is not None:
        body = shapes.spent(outcome.redemption)
    else:
        assert outcome.entry is not None  # noqa: S101 (what is granted is posted)
        is_refund = given["op"] == "refund"
        body = shapes.refund(outcome.entry) if is_refund else shapes.entry(outcome.entry)
    status = 200 if outcome.replayed else 201
    return _named(given) | {"status": status, "replayed": outcome.replayed, "result": body, "problem": None}
