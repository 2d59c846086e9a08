"""Cards: finding them, reading their ledger, handing out what is stored."""

import json
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.staff import card_shapes as shape
from loyalty.api.staff.door import TAG, StaffDoor
from loyalty.api.staff.pages import page_of, page_schema
from loyalty.models import LedgerEntry, Member
from loyalty_site.http.fields import moment
from loyalty_site.tenants import privacy

_CardPage = page_schema("cards", shape.StaffCardOutput)
_EntryPage = page_schema("entries", shape.StaffEntryOutput)


class CardView(StaffDoor):
    """A view about cards."""

    sees = "loyalty.view_member"
    permissions = {"GET": "loyalty.view_member"}

    def card(self, card_id: UUID) -> Member:
        """The card, where it is one of the user's merchants'. Raises `NotFound`."""
        return self.one(cards(), card_id)


def cards() -> QuerySet[Member]:
    """Cards with what is shown of them."""
    return Member.objects.select_related("merchant", "program", "tier", "customer")


class Cards(CardView):
    """GET cards"""

    @extend_schema(
        tags=[TAG],
        operation_id="listCards",
        summary="Find cards by name, e-mail address, phone or card number",
        parameters=[shape.CardsQuery],
        responses=_CardPage,
    )
    def get(self, request: Request) -> Response:
        query = self.queried(shape.CardsQuery)
        found = self.seen(cards())
        if query.get("merchant"):
            found = found.filter(merchant__slug=query["merchant"])
        if query.get("search"):
            found = _like(found, query["search"])
        return Response(page_of(found, by=("pk",), query=query, name="cards", about=None, shape=shape.card))


class Card(CardView):
    """GET cards/{cardId}"""

    @extend_schema(tags=[TAG], operation_id="getCard", summary="A card and its person", responses=shape.StaffCardOutput)
    def get(self, request: Request, card_id: UUID) -> Response:
        return Response(shape.card(self.card(card_id)))


class CardTransactions(CardView):
    """GET cards/{cardId}/transactions"""

    @extend_schema(
        tags=[TAG],
        operation_id="listCardTransactions",
        summary="A card's ledger, newest entry first",
        parameters=[shape.TransactionsQuery],
        responses=_EntryPage,
    )
    def get(self, request: Request, card_id: UUID) -> Response:
        query = self.queried(shape.TransactionsQuery)
        member = self.card(card_id)
        entries = LedgerEntry.objects.filter(member=member)
        if query.get("types"):
            entries = entries.filter(type__in=query["types"])
        return Response(
            page_of(entries, by=("number",), query=query, name="entries", about=str(member.pk), shape=shape.entry)
        )


class CardExport(CardView):
    """GET cards/{cardId}/export"""

    permissions = {"GET": "tenants.change_customer"}

    @extend_schema(
        tags=[TAG],
        operation_id="exportCard",
        summary="All that is stored of the person, by table",
        responses=shape.ExportOutput,
    )
    def get(self, request: Request, card_id: UUID) -> Response:
        member = self.card(card_id)
        self.demand(member.merchant_id)
        stored = privacy.export(member.customer)
        # What tables hold is more than JSON knows: telephone numbers, times, decimals.
        plain = json.loads(json.dumps(stored, default=_plain))
        return Response({"exported_at": moment(timezone.now()), "tables": plain})


def _like(rows: QuerySet[Member], text: str) -> QuerySet[Member]:
    """Cards with a part of the name, e-mail address or phone number, or the beginning of a card or customer number."""
    wanted = (
        Q(whole_name__icontains=text)
        | Q(customer__email__icontains=text)
        | Q(card_number__istartswith=text)
        | Q(customer__external_ref__istartswith=text)
    )
    digits = "".join(character for character in text if character in "+0123456789")
    if len(digits) >= 4:
        wanted |= Q(customer__phone_number__contains=digits)
    name = Concat("customer__first_name", Value(" "), "customer__last_name")
    return rows.alias(whole_name=name).filter(wanted)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
