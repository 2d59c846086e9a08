"""The four doors. A view says what it takes (`validated`), calls one operation, and answers with plain values."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.http import HttpResponse
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from loyalty_site import outbox
from loyalty_site.http import idempotency
from loyalty_site.http.at_once import AtOnce
from loyalty_site.http.authentication import KeyAuthentication, MemberAuthentication, StaffAuthentication
from loyalty_site.http.casing import snake
from loyalty_site.http.credentials import Caller, Usage
from loyalty_site.http.fields import Input
from loyalty_site.http.media import CamelParser, CamelRenderer, rendered, written
from loyalty_site.http.models import Scope
from loyalty_site.lateral import Reading
from loyalty_site.refusals import Refusal
from loyalty_site.tenants.models import Merchant, Store, User
from loyalty_site.tenants.permissions import holds_anywhere, may

# A key with one of these opens the operator door.
OPERATORS = frozenset({Scope.CHECKOUT, Scope.OPERATOR})


class RateLimited(Refusal):
    """More calls than the limit in this minute. `facts`: retry_after, seconds."""

    code = "rate_limited"
    status = 429
    sentence = "Too many requests; wait a moment."


class JsonAlone(BaseContentNegotiation):
    """Answers are JSON, whatever is preferred; 406 for a caller that takes none."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        content_type = (request.content_type or "").partition(";")[0].strip().lower()
        return parsers[0] if content_type == CamelParser.media_type else None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        accepted = request.META.get("HTTP_ACCEPT", "*/*")
        if accepted != "*/*" and not any(_takes_json(each) for each in accepted.split(",")):
            raise exceptions.NotAcceptable
        return renderers[0], renderers[0].media_type


def _takes_json(media_range: str) -> bool:
    name, *parameters = (part.strip().lower() for part in media_range.split(";"))
    is_json = name in ("*/*", "application/*", "application/json", "application/problem+json", "")
    return is_json and not any(parameter in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in parameters)


class Door(APIView):
    """What all doors do: who calls, how often, once each."""

    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    content_negotiation_class = JsonAlone
    parser_classes: Any = [CamelParser]
    renderer_classes: Any = [CamelRenderer]
    permission_classes: Any = []
    # The scope a key needs for this view.
    scope: ClassVar[str | None] = None
    # Whether it answers callers without a credential as well.
    is_public: ClassVar[bool] = False

    # The body it takes, where that may be looked at before it is known who calls.
    body_ahead: ClassVar[type[Serializer[Any]] | None] = None

    request: Request
    # The row of `reading_along`; None for none.
    read_along: tuple[Any, ...] | None = None

    def reading_along(self) -> Reading | None:
        """A SELECT of one row at most to be read in the round trip that says whose key it is: see `admit_key`.

        It runs before anything else is known of the caller, and its row is as old as it is: it locks nothing.
        """
        return None

    _ahead: dict[str, Any] | Exception | None = None
    _fingerprint: bytes | None = None

    def look_ahead(self) -> None:
        """Validate `body_ahead` while PostgreSQL says who calls. What is wrong with it is told when it is used."""
        length = self.request.META.get("CONTENT_LENGTH") or "0"
        # Large ones are not read for whoever asks.
        if self.body_ahead is None or len(length) > 4:
            return
        try:
            self._ahead = self._validated(self.body_ahead)
            self._fingerprint = idempotency.fingerprint(self.request)
        except Exception as error:
            # Without the frames it came through: they have hold of this view.
            self._ahead = error.with_traceback(None)

    @property
    def caller(self) -> Caller:
        return self.request.user  # type: ignore[return-value]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Who calls comes first, so that whatever is wrong with a call, it counts and its answer says what is left.
        self.format_kwarg = None
        caller = request.user
        if not isinstance(caller, Caller) and not self.is_public:
            raise exceptions.NotAuthenticated
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        usage = caller.usage if isinstance(caller, Caller) else None
        if usage is not None and usage.exceeded:
            raise RateLimited(f"At most {usage.limit} requests a minute.", retry_after=usage.resets_in)
        if request.method in ("POST", "PUT", "PATCH") and "HTTP_TRANSFER_ENCODING" in request.META:
            raise exceptions.ParseError("The body must come with a Content-Length, not in chunks.", "length_required")
        if isinstance(caller, Caller):
            self.allow(caller)

    def allow(self, caller: Caller) -> None:
        """Raise PermissionDenied where this caller may not use this view."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        # DRF gives its own answers a renderer, and what 405 has to say; ours are whole as they come.
        if isinstance(response, Response):
            response = super().finalize_response(request, response, *args, **kwargs)
        usage = getattr(getattr(request, "_user", None), "usage", None)
        if isinstance(usage, Usage):
            response["RateLimit-Limit"] = str(usage.limit)
            response["RateLimit-Remaining"] = str(usage.remaining)
            response["RateLimit-Reset"] = str(usage.resets_in)
        response["Cache-Control"] = "no-store"
        response["Vary"] = "Accept, Authorization, X-API-Key, Cookie"
        return response

    def validated(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """The request's body as the serializer takes it. Raises ValidationError."""
        if self._ahead is None or serializer is not self.body_ahead:
            return self._validated(serializer)
        if isinstance(self._ahead, Exception):
            raise self._ahead
        return self._ahead

    def _validated(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        data = self.request.data
        if data is not None and not isinstance(data, dict):
            raise exceptions.ParseError("The body must be a JSON object.")
        return taken(serializer, data or {})

    def queried(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        """The query of the address as the serializer takes it. Raises ValidationError."""
        query = self.request.query_params
        fields = _one_of(serializer).fields
        named: dict[str, Any] = {}
        for name in query:
            inner = snake(name) if len(name) <= 100 else name
            values = query.getlist(name)
            if inner in named or (len(values) > 1 and not hasattr(fields.get(inner), "child")):
                raise exceptions.ValidationError({inner[:100]: [exceptions.ErrorDetail("Give it once.", "repeated")]})
            named[inner] = values if hasattr(fields.get(inner), "child") else values[0]
        return taken(serializer, named)

    def unqueried(self) -> None:
        """Refuse a query in the address, where none is taken. Raises ValidationError."""
        if self.request.query_params:
            self.queried(Input)

    def answered(self, body: Any) -> HttpResponse:
        """An answer whose names are in camelCase already, for long lists: to turn them costs more than all the rest."""
        return _answered(200, written(body), replayed=False)

    def change(self, make: Callable[[], "Answer"]) -> HttpResponse:
        """Make a change once: in one transaction with the answer kept for whoever asks again with the same key."""
        return self._change(None, lambda _: make())

    def change_of(self, reading: Reading, make: Callable[[tuple[Any, ...] | None], "Answer"]) -> HttpResponse:
        """`change`, for one that begins with a SELECT of one row: read in the round trip that takes the key."""
        return self._change(reading, make)

    def change_at_once(self, make: Callable[[AtOnce | None], "Answer | None"]) -> HttpResponse | None:
        """Make a change in one statement, together with the answer kept for its key; None where nothing was done.

        `make` is given what keeps the answer, or None for a call without a key, and answers None where nothing was
        done. Nobody is refused: what stands in the way is found again, and told, on the longer way.
        """
        key = idempotency.key_of(self.request)
        keeper = None if key is None else AtOnce(self.caller.name, key, self._asked())
        with suppress(Refusal):
            answer = make(keeper)
            if keeper is None and answer is not None:
                return _answered(answer.status, rendered(answer.body), replayed=answer.replayed)
        if keeper is None or keeper.answer is None:
            return None
        status, body, replayed = keeper.answer
        return _answered(status, body, replayed=replayed)

    def _asked(self) -> bytes:
        if self._fingerprint is None:
            self._fingerprint = idempotency.fingerprint(self.request)
        return self._fingerprint

    def _change(self, reading: Reading | None, make: Callable[[tuple[Any, ...] | None], "Answer"]) -> HttpResponse:
        key = idempotency.key_of(self.request)
        if key is None:
            with transaction.atomic(), outbox.together(last=True):
                answer = make(None if reading is None else idempotency.read(reading))
            return _answered(answer.status, rendered(answer.body), replayed=answer.replayed)
        asked = self._asked()
        with transaction.atomic():
            taken = idempotency.take(self.caller.name, key, asked, reading)
            if taken.known is not None:
                return _answered(*taken.known, replayed=True)
            with outbox.together(last=True) as news:
                answer = make(taken.row)
                body = rendered(answer.body)
                news.beside.append(idempotency.keeping(self.caller.name, key, asked, answer.status, body, answer.about))
        return _answered(answer.status, body, replayed=answer.replayed)


def _answered(status: int, body: bytes | str, *, replayed: bool) -> HttpResponse:
    """The body as it is: whoever asks again gets the same to the byte."""
    if status == 204:
        # RFC 9110: it has no content, and so no type of it.
        response = HttpResponse(status=status)
        del response["Content-Type"]
    else:
        response = HttpResponse(body, status=status, content_type=CamelRenderer.media_type)
    if replayed:
        response[idempotency.REPLAYED] = "true"
    return response


@cache
def _one_of(serializer: type[Serializer[Any]]) -> Serializer[Any]:
    """One instance of a serializer that only validates: to make one copies every field, each time."""
    instance = serializer()
    instance.fields  # noqa: B018 (made now, before several threads ask for them)
    return instance


def taken(serializer: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """The data as the serializer takes it. Raises ValidationError."""
    return _one_of(serializer).run_validation(data)


class Answer:
    """What came of a change: a body, a status, whom it is about, and whether it was there before."""

    def __init__(self, body: Any, status: int = 200, *, about: UUID | None = None, replayed: bool = False) -> None:
        self.body = body
        self.status = 200 if replayed else status
        self.about = about
        self.replayed = replayed


class StoreView(Door):
    """The store door: a till or a storefront back end, with a key that belongs to a store."""

    authentication_classes: Any = [KeyAuthentication]
    scope = Scope.STORE

    merchant: Merchant
    store: Store

    def allow(self, caller: Caller) -> None:
        if caller.store is None or caller.merchant is None or self.scope not in caller.scopes:
            raise exceptions.PermissionDenied(f"This key has no scope '{self.scope}' of a store.", "wrong_scope")
        self.merchant, self.store = caller.merchant, caller.store


class LoyaltyView(Door):
    """The door that operators and members share; the subclasses say which of the two may come in.

    A caller with a good credential of the other kind is answered 403.
    """

    authentication_classes: Any = [KeyAuthentication, MemberAuthentication]
    for_operators: ClassVar[bool] = False
    for_members: ClassVar[bool] = False

    # Of a member only the id is set.
    merchant: Merchant
    # The storefront's id of the member who calls; None: an operator calls.
    user_id: UUID | None = None

    def allow(self, caller: Caller) -> None:
        if caller.merchant is None or not self._is_asked_by(caller):
            raise exceptions.PermissionDenied("This credential is not for this call.", "wrong_scope")
        self.merchant, self.user_id = caller.merchant, caller.user_id

    def _is_asked_by(self, caller: Caller) -> bool:
        if caller.user_id is not None:
            return self.for_members or self.is_public
        return self.is_public or (self.for_operators and bool(OPERATORS & caller.scopes))


class OperatorView(LoyaltyView):
    """The operator door: checkout or back office, with a key of the merchant, of a store or of none."""

    for_operators = True


class MemberView(LoyaltyView):
    """The member door: a member, with a token from the storefront or the hub's session."""

    for_members = True


class SharedView(LoyaltyView):
    """Answers operators about any member of the merchant, and members about themselves."""

    for_operators = for_members = True


class PublicView(LoyaltyView):
    """Answers whoever asks, with any credential or none."""

    is_public = True


class StaffView(Door):
    """The admin door: a member of staff, with a session or a token, and a role that allows it."""

    authentication_classes: Any = [StaffAuthentication]
    # Django's name of what a role must allow, such as `loyalty.change_member`; by method.
    permissions: ClassVar[dict[str, str]] = {}

    user: User

    def allow(self, caller: Caller) -> None:
        assert caller.user is not None  # noqa: S101 (StaffAuthentication names one)
        self.user = caller.user
        permission = self.permissions.get(self.request.method or "")
        if permission is not None and not holds_anywhere(self.user, permission):
            raise exceptions.PermissionDenied("Your role does not allow this.", "wrong_role")

    def may(self, permission: str, merchant_id: UUID) -> bool:
        """Whether the user's role at that merchant allows it."""
        return may(self.user, permission, merchant_id)
