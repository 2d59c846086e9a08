"""What happened on a card."""

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api import shapes
from loyalty.api.store import inputs, outputs
from loyalty.api.store.views.common import CardView, call
from loyalty.models import LedgerEntry
from loyalty_site.http.pagination import InvalidCursor, cursor_for, position_in


class Transactions(CardView):
    """GET cards/{cardNumber}/transactions"""

    @call(
        "listTransactions",
        "The card's entries, newest first",
        parameters=[inputs.TransactionsQuery],
        responses={200: outputs.EntryPage},
    )
    def get(self, request: Request, card_number: str) -> HttpResponse:
        query = self.queried(inputs.TransactionsQuery)
        member = self.card(card_number)
        types = sorted(set(query.get("types", [])))
        bound_to = ["store-transactions", str(member.pk), types]
        entries = LedgerEntry.objects.filter(member=member)
        if types:
            entries = entries.filter(type__in=types)
        if (cursor := query.get("cursor")) is not None:
            before = position_in(cursor, bound_to=bound_to)
            if not isinstance(before, int):
                raise InvalidCursor
            entries = entries.filter(number__lt=before)
        rows = list(entries.order_by("-number")[: query["limit"] + 1])
        page = rows[: query["limit"]]
        more = cursor_for(page[-1].number, bound_to=bound_to) if len(rows) > len(page) else None
        return Response({"transactions": [shapes.entry(row) for row in page], "next_cursor": more})
