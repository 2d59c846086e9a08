"""What the calls of operators and members share: whom they are about, and how they stand in the schema."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import exceptions

from loyalty.models import Member
from loyalty.operations import first_sight
from loyalty_site.http.views import Answer, LoyaltyView, MemberView, OperatorView, SharedView
from loyalty_site.refusals import NotFound

# For calls with a member in their address.
USER_ID = OpenApiParameter(
    "user_id", UUID, OpenApiParameter.PATH, description="The storefront's own UUID of its customer."
)


def tagged_call(tag: str, operation_id: str, summary: str, example: dict[str, Any] | None = None, **more: Any) -> Any:
    """How a call stands in the schema; `example` is of its request."""
    examples = [OpenApiExample("example", value=example, request_only=True)] if example is not None else []
    return extend_schema(tags=[tag], operation_id=operation_id, summary=summary, examples=examples, **more)


operator_call = partial(tagged_call, "Loyalty - Operator")
member_call = partial(tagged_call, "Loyalty - Member")


def _seen(view: LoyaltyView, user_id: UUID, for_change: bool) -> Member:
    return first_sight.member_of(merchant=view.merchant, user_id=user_id, at=timezone.now(), for_change=for_change)


def _change(view: LoyaltyView, seen: Callable[[], Member], make: Callable[[Member, datetime], Answer]) -> HttpResponse:
    def change() -> Answer:
        # The clock is read behind the lock: whoever waited for it acts later than who held it.
        member = seen()
        answer = make(member, timezone.now())
        answer.about = member.customer_id
        return answer

    return view.change(change)


class OperatorCall(OperatorView):
    """A call of an operator; where a member stands in its address, by the storefront's UUID."""

    def member(self, user_id: str, *, for_change: bool = False) -> Member:
        """The merchant's member with this `userId`, made on first sight. Raises ValidationError, `NoProgram`."""
        return _seen(self, as_user_id(user_id), for_change)

    def change_member(self, user_id: str, make: Callable[[Member, datetime], Answer]) -> HttpResponse:
        """Make a change to the member, once; `make` gets the member, locked, and the time."""
        known = as_user_id(user_id)
        return _change(self, lambda: _seen(self, known, True), make)


class MemberCall(MemberView):
    """A call of a member about themselves."""

    def me(self, *, for_change: bool = False) -> Member:
        """The member who calls, made on first sight. Raises `NoProgram`."""
        assert self.user_id is not None  # noqa: S101 (members alone come in)
        return _seen(self, self.user_id, for_change)

    def change_me(self, make: Callable[[Member, datetime], Answer]) -> HttpResponse:
        """Make a change to the member who calls, once; `make` gets the member, locked, and the time."""
        return _change(self, lambda: self.me(for_change=True), make)


class SharedCall(SharedView):
    """A call of an operator about any member of the merchant, or of a member about themselves."""

    def member(self, user_id: str) -> Member:
        """The member with this `userId`. Raises ValidationError, `NotFound` where a member asks for another one."""
        known = as_user_id(user_id)
        if self.user_id is not None and known != self.user_id:
            raise NotFound
        return _seen(self, known, False)


def as_user_id(text: str) -> UUID:
    """The UUID in an address. Raises ValidationError for anything else: 400, not 404."""
    try:
        return UUID(text)
    except ValueError as error:
        message = exceptions.ErrorDetail("A UUID is expected.", "invalid")
        raise exceptions.ValidationError({"user_id": [message]}) from error
