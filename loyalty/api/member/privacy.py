"""What is stored of the member, and the request to be forgotten."""

import json
from datetime import date, datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty.api.doors import MemberCall, member_call
from loyalty.models import Member
from loyalty_site.http.fields import Input, moment
from loyalty_site.http.views import Answer
from loyalty_site.tenants import erasures, privacy


class MemberExport(serializers.Serializer[Any]):
    """All that is stored of the member: rows by table."""

    exported_at = serializers.DateTimeField()
    tables = serializers.DictField(child=serializers.ListField(child=serializers.DictField()))


class EraseInput(Input):
    """Nothing needs to be said."""


class ErasureOutput(serializers.Serializer[Any]):
    """The request, as it was noted, and when it will have been done at the latest."""

    id = serializers.UUIDField()
    requested_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()


class Export(MemberCall):
    """GET export"""

    @member_call(
        "exportMember",
        "All that is stored of the member, by table",
        responses={200: MemberExport},
    )
    def get(self, request: Request) -> HttpResponse:
        self.unqueried()
        member = self.me()
        stored = privacy.export(member.customer)
        plain = json.loads(json.dumps(stored, default=_plain))
        return Response({"exported_at": moment(timezone.now()), "tables": plain})


class Erase(MemberCall):
    """POST erase"""

    @member_call(
        "eraseMember",
        "Ask to be forgotten; the merchant does it within 30 days, and until then the card goes on working",
        {},
        request=EraseInput,
        responses={202: ErasureOutput, 200: ErasureOutput},
    )
    def post(self, request: Request) -> HttpResponse:
        self.validated(EraseInput)

        def ask(member: Member, at: datetime) -> Answer:
            asked = erasures.ask(customer=member.customer, at=at)
            body = {
                "id": str(asked.pk),
                "requested_at": moment(asked.requested_at),
                "due_at": moment(asked.due_at),
            }
            return Answer(body, 202, replayed=asked.replayed)

        return self.change_me(ask)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
