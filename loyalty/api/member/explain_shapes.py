"""How an explanation is asked for, shown and described."""

from typing import Any

from rest_framework import serializers

from loyalty.api.member import outputs, shapes
from loyalty.models import EntryType, PointLot, Redemption
from loyalty.queries import explain
from loyalty.queries.explain import Explanation
from loyalty.queries.ledger_window import Line
from loyalty_site.http.casing import camelized
from loyalty_site.http.fields import Id, Input, Reference, moment


class ExplainQuery(Input):
    """What to explain: an entry, or what came of an order. One of the two."""

    entry_id = Id(required=False)
    order_reference = Reference(required=False)

    default_error_messages = {"one": "Give entryId or orderReference, one of the two."}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            self.fail("one")
        return attrs


class Cap(serializers.Serializer[Any]):
    """The cap that cut the points: of an order or a day, what it left, and what it would have been without."""

    of = serializers.CharField()
    left = serializers.IntegerField()
    before = serializers.IntegerField()


class Calculation(serializers.Serializer[Any]):
    """What went into the points of a purchase; the multiplier is of the tier held before it."""

    amount = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    rate = serializers.CharField(allow_null=True)
    multiplier = serializers.CharField(allow_null=True)
    tier = serializers.CharField(allow_null=True)
    minimum_purchase = serializers.CharField(allow_null=True)
    cap = Cap(allow_null=True)


class NothingFor(serializers.Serializer[Any]):
    """Why a purchase earned nothing."""

    code = serializers.ChoiceField(sorted(explain.NOTHING))
    detail = serializers.CharField()


class MadeLot(serializers.Serializer[Any]):
    """The dated points the entry brought, and what is left and held of them."""

    id = serializers.UUIDField()
    points = serializers.IntegerField()
    remaining_points = serializers.IntegerField()
    held_points = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    lot_status = serializers.ChoiceField(PointLot.Status.choices)


class TakenLot(serializers.Serializer[Any]):
    """What the entry took of a lot; negative where it gave back."""

    lot_id = serializers.UUIDField()
    points = serializers.IntegerField()
    expires_at = serializers.DateTimeField()


class UsedBy(serializers.Serializer[Any]):
    """An entry that took of the lot."""

    entry_id = serializers.UUIDField()
    entry_type = serializers.ChoiceField(EntryType.choices)
    points = serializers.IntegerField()
    occurred_at = serializers.DateTimeField()


class Answered(serializers.Serializer[Any]):
    """The entry that this one answers."""

    entry_id = serializers.UUIDField()
    entry_type = serializers.ChoiceField(EntryType.choices)
    amount = serializers.IntegerField()
    occurred_at = serializers.DateTimeField()


class ExpiredBy(Answered):
    """The next expiry by inactivity after this entry; it took whatever was left."""


class AnsweredBy(Answered):
    """A later refund, void, undone run or restore of this entry."""

    kind = serializers.CharField(allow_null=True)
    description = serializers.CharField()


class FulfilledHold(serializers.Serializer[Any]):
    """The redemption whose hold the entry spent."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(Redemption.Status.choices)
    points_cost = serializers.IntegerField()
    requested_at = serializers.DateTimeField()
    fulfilled_at = serializers.DateTimeField(allow_null=True)


class ExplanationOutput(serializers.Serializer[Any]):
    """Why the entry is what it is. `kept` is what a purchase keeps of its points now; null for other entries."""

    entry = outputs.LedgerLine()
    order_reference = serializers.CharField(allow_null=True)
    rule = serializers.CharField()
    calculation = Calculation(allow_null=True)
    nothing_for = NothingFor(allow_null=True)
    requested = serializers.IntegerField(allow_null=True)
    shortfall = serializers.IntegerField()
    kept = serializers.IntegerField(allow_null=True)
    lot = MadeLot(allow_null=True)
    taken_from = TakenLot(many=True)
    taken_undated = serializers.IntegerField()
    used_by = UsedBy(many=True)
    expired_by = ExpiredBy(allow_null=True)
    hold = FulfilledHold(allow_null=True)
    answers = Answered(allow_null=True)
    answered_by = AnsweredBy(many=True)


def explanation(told: Explanation) -> dict[str, Any]:
    """An explanation; its names are those on the wire."""
    entry, nothing = told.entry, told.nothing_for
    about = {
        "order_reference": entry.order_reference or None,
        "rule": told.rule,
        "calculation": told.calculation,
        "nothing_for": {"code": nothing, "detail": explain.NOTHING.get(nothing, nothing)} if nothing else None,
        "requested": entry.requested,
        "shortfall": entry.shortfall,
        "kept": told.kept,
        "lot": _part(told.made, "id", "points", "remaining_points", "held_points", "expires_at", lot_status="status"),
        "taken_from": [_part(each, "lot_id", "points", "expires_at") for each in told.taken],
        "taken_undated": told.undated,
        "used_by": [_part(each, "entry_id", "entry_type", "points", "occurred_at") for each in told.used],
        "expired_by": _part(told.expired, *_ANSWERED),
        "hold": _part(told.hold, "id", "status", "points_cost", "requested_at", "fulfilled_at"),
        "answers": _part(told.answers, *_ANSWERED),
        "answered_by": [_part(each, *_ANSWERED, "kind", "description") for each in told.answered],
    }
    line = Line(**{name: getattr(entry, name) for name in Line._fields})
    return {"entry": shapes.line(line)} | camelized(about)


_ANSWERED = ("entry_id", "entry_type", "amount", "occurred_at")


def _part(facts: dict[str, Any] | None, *names: str, **renamed: str) -> dict[str, Any] | None:
    """These of the facts, times as the API writes them; None for none."""
    if facts is None:
        return None
    picked = {name: facts[name] for name in names} | {name: facts[old] for name, old in renamed.items()}
    return {name: moment(value) if name.endswith("_at") else value for name, value in picked.items()}
