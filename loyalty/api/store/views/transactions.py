"""What happened on a card."""

from django.http import HttpResponse
from rest_framework.request import Request

from loyalty.api.store import inputs, outputs
from loyalty.api.store.views.common import CardView, call
from loyalty.queries import ledger_pages
from loyalty_site.http.media import whole
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
        before = ledger_pages.BEGINNING
        if (cursor := query.get("cursor")) is not None:
            before = position_in(cursor, bound_to=bound_to)
            if not isinstance(before, int):
                raise InvalidCursor
        page = ledger_pages.page(member.pk, before=before, limit=query["limit"], types=types)
        more = cursor_for(page.before, bound_to=bound_to) if page.before is not None else None
        return whole({"transactions": page.entries, "nextCursor": more})
