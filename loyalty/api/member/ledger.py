"""The member's ledger."""

from typing import Any

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from loyalty.api.doors import MemberCall, member_call
from loyalty.api.member import outputs, shapes
from loyalty.queries import ledger_window
from loyalty.queries.ledger_window import Line
from loyalty_site.http.fields import Input
from loyalty_site.http.pagination import PageQuery, cursor_for, position_in


class LedgerQuery(PageQuery, Input):
    """`types` may be repeated; `adjustment` stands for points_expired, admin_adjustment, refund and undo."""

    types = serializers.ListField(
        child=serializers.ChoiceField(ledger_window.TYPES), required=False, max_length=len(ledger_window.TYPES)
    )


class Ledger(MemberCall):
    """GET ledger"""

    @member_call(
        "readLedger",
        "The member's ledger, newest entry first",
        parameters=[LedgerQuery],
        responses={200: outputs.LedgerPage},
    )
    def get(self, request: Request) -> HttpResponse:
        query = self.queried(LedgerQuery)
        limit, cursor = query["limit"], query.get("cursor")
        types = ledger_window.expanded(query.get("types", []))
        # The caller's name stands for the member: a cursor is nobody else's.
        bound_to = ["ledger", self.caller.name, types]
        before = position_in(cursor, bound_to=bound_to) if cursor is not None else None
        lines = self._lines(types, limit=limit + 1, before=before)
        more = cursor_for(lines[limit - 1].number, bound_to=bound_to) if len(lines) > limit else None
        return self.answered({"entries": [shapes.line(one) for one in lines[:limit]], "nextCursor": more})

    def _lines(self, types: list[str], **page: Any) -> list[Line]:
        assert self.user_id is not None  # noqa: S101 (members alone come in)
        if not types and (lines := ledger_window.of_user(self.merchant.pk, self.user_id, **page)) is not None:
            return lines
        member = self.me()
        # Whoever has just been made has no entries to look for.
        return ledger_window.of_member(member.pk, types=types, **page) if member.last_number else []
