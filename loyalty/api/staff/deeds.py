"""What staff do to a card: each once, through the operation that everybody uses."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request

from loyalty.api.staff import card_shapes as shape
from loyalty.api.staff.cards import CardView
from loyalty.api.staff.door import TAG
from loyalty.api.staff.inputs import Nothing
from loyalty.models import LedgerEntry, Member
from loyalty.operations import anonymization, points, restores
from loyalty.operations import cards as caring
from loyalty.queries import faces
from loyalty_site.http.views import Answer
from loyalty_site.refusals import NotFound


class Deed(CardView):
    """A change of one card, by whoever may change members."""

    permissions = {"POST": "loyalty.change_member"}

    def own_card(self, card_id: UUID) -> Member:
        """The card, locked, where the user may change it. Raises `NotFound`, PermissionDenied."""
        member = faces.by_id(card_id, merchants=self.merchants())
        if member is None:
            raise NotFound
        self.demand(member.merchant_id)
        return member

    def answer_card(self, member: Member) -> Answer:
        """The card as the operation left it."""
        return Answer(shape.card(member), about=member.customer_id)


class RestorePoints(Deed):
    """POST cards/{cardId}/restore-points"""

    @extend_schema(
        tags=[TAG],
        operation_id="restorePoints",
        summary="Give points back, and restart the activity clock",
        request=shape.RestoreInput,
        responses={201: shape.StaffEntryOutput},
        examples=[
            OpenApiExample("goodwill", value={"points": 120, "reason": "Was ill in March"}, request_only=True),
            OpenApiExample(
                "from an expiry",
                value={
                    "points": 120,
                    "reason": "Was ill in March",
                    "entryId": "01960b5e-7c1e-7d2a-9f7e-2f6d0c9a4b11",
                },
                request_only=True,
            ),
        ],
    )
    def post(self, request: Request, card_id: UUID) -> HttpResponse:
        asked: dict[str, Any] = self.validated(shape.RestoreInput)
        at = timezone.now()

        def restore() -> Answer:
            member = self.own_card(card_id)
            expiry = None
            if entry_id := asked.get("entry_id"):
                expiry = LedgerEntry.objects.filter(member=member, pk=entry_id).first()
                if expiry is None:
                    raise NotFound
            entry = restores.restore(
                member=member,
                points=asked["points"],
                reason=asked["reason"],
                actor=self.user,
                key=None,
                at=at,
                entry=expiry,
            )
            return Answer(shape.entry(entry), 201, about=member.customer_id)

        return self.change(restore)


class AdjustPoints(Deed):
    """POST cards/{cardId}/adjust-points"""

    @extend_schema(
        tags=[TAG],
        operation_id="adjustPoints",
        summary="Correct a balance, never below what is held",
        request=shape.AdjustInput,
        responses={201: shape.StaffEntryOutput},
        examples=[OpenApiExample("down", value={"points": -45, "reason": "Typed twice"}, request_only=True)],
    )
    def post(self, request: Request, card_id: UUID) -> HttpResponse:
        asked: dict[str, Any] = self.validated(shape.AdjustInput)
        at = timezone.now()

        def adjust() -> Answer:
            member = self.own_card(card_id)
            entry = points.adjust(member=member, actor=self.user, key=None, at=at, **asked)
            return Answer(shape.entry(entry), 201, about=member.customer_id)

        return self.change(adjust)


class Deactivate(Deed):
    """POST cards/{cardId}/deactivate"""

    @extend_schema(
        tags=[TAG],
        operation_id="deactivateCardAsStaff",
        summary="Switch a card off; open holds stay",
        request=Nothing,
        responses=shape.StaffCardOutput,
    )
    def post(self, request: Request, card_id: UUID) -> HttpResponse:
        self.validated(Nothing)
        at = timezone.now()
        return self.change(lambda: self.answer_card(caring.deactivate(member=self.own_card(card_id), at=at)))


class Reactivate(Deed):
    """POST cards/{cardId}/reactivate"""

    @extend_schema(
        tags=[TAG],
        operation_id="reactivateCardAsStaff",
        summary="Switch a card on again, and restart its activity clock",
        request=Nothing,
        responses=shape.StaffCardOutput,
    )
    def post(self, request: Request, card_id: UUID) -> HttpResponse:
        self.validated(Nothing)
        at = timezone.now()
        return self.change(lambda: self.answer_card(caring.reactivate(member=self.own_card(card_id), at=at)))


class Replace(Deed):
    """POST cards/{cardId}/replace"""

    @extend_schema(
        tags=[TAG],
        operation_id="replaceCardAsStaff",
        summary="Give the member a new card number; the old one is refused from now on",
        request=shape.StaffReplaceInput,
        responses=shape.StaffCardOutput,
        examples=[OpenApiExample("lost", value={"reason": "Lost"}, request_only=True)],
    )
    def post(self, request: Request, card_id: UUID) -> HttpResponse:
        asked: dict[str, Any] = self.validated(shape.StaffReplaceInput)
        at = timezone.now()

        def replace() -> Answer:
            member = self.own_card(card_id)
            if member.customer.anonymized_at is not None:
                raise NotFound
            return self.answer_card(caring.replace(member=member, reason=asked["reason"], at=at))

        return self.change(replace)


class Anonymize(Deed):
    """POST cards/{cardId}/anonymize"""

    @extend_schema(
        tags=[TAG],
        operation_id="anonymizeCard",
        summary="Forget the person in every table; amounts stay, and the ledger still balances",
        request=Nothing,
        responses=shape.StaffCardOutput,
    )
    def post(self, request: Request, card_id: UUID) -> HttpResponse:
        self.validated(Nothing)
        at = timezone.now()

        def anonymize(row: tuple[Any, ...] | None) -> Answer:
            if row is None:
                raise NotFound
            # Not locked: the person's invites are locked before the member.
            member = faces.with_merchant(row)
            self.demand(member.merchant_id)
            forgotten = anonymization.anonymize(member=member, at=at)
            forgotten.merchant = member.merchant
            return self.answer_card(forgotten)

        return self.change_of(faces.reading_id(card_id, merchants=self.merchants()), anonymize)
