"""Whose credential a call brings: a key, a member of staff's token or session, a member's token or session."""

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from loyalty_site.http import credentials
from loyalty_site.http.credentials import Caller, Usage
from loyalty_site.http.secrets import API_KEY_PREFIX, STAFF_TOKEN_PREFIX
from loyalty_site.http.tokens import read
from loyalty_site.tenants.models import Merchant, User

# Where the hub's session says who has signed in: texts of two UUIDs.
SESSION_MERCHANT = "member_merchant_id"
SESSION_CUSTOMER = "member_customer_id"


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key <key>` or `X-API-Key: <key>`."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        text = _after("api-key", request) or request._request.META.get("HTTP_X_API_KEY", "").strip()
        if not text:
            return None
        admitted = None
        if text.startswith(API_KEY_PREFIX):
            view = request.parser_context["view"]
            admitted = credentials.admit_key(
                text, limit=settings.RATE_LIMIT_STORE, reading=view.reading_along(), meanwhile=view.look_ahead
            )
        if admitted is None:
            raise exceptions.AuthenticationFailed("This key is unknown, revoked or expired.", "invalid_key")
        caller, view.read_along = admitted
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        return 'Api-Key realm="store"'


class StaffAuthentication(BaseAuthentication):
    """`Authorization: Bearer rs_...`, else the console's session with a CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        text = _after("bearer", request)
        if not text:
            return self._in_session(request._request)
        caller = None
        if text.startswith(STAFF_TOKEN_PREFIX):
            caller = credentials.admit_staff(token=text, limit=settings.RATE_LIMIT_MEMBER)
        if caller is None:
            raise exceptions.AuthenticationFailed("This token is unknown, revoked or expired.", "invalid_token")
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="staff"'

    def _in_session(self, request: HttpRequest) -> tuple[Any, None] | None:
        session = getattr(request, "session", None)
        if session is None or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
            return None
        # `request.user` would read the user alone: here they come with their roles, and are counted.
        user_id = User._meta.pk.to_python(session.get(SESSION_KEY))
        caller = credentials.admit_staff(user_id=user_id, limit=settings.RATE_LIMIT_MEMBER)
        if caller is None or caller.user is None or not _signed(session, caller.user):
            return None
        _check_csrf(request)
        return caller, None


def _signed(session: Any, user: User) -> bool:
    """Whether the session was begun with the user's present password, as Django's own `get_user` asks."""
    known = session.get(HASH_SESSION_KEY) or ""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(known, each) for each in hashes)


class MemberAuthentication(BaseAuthentication):
    """`Authorization: Bearer <member token>`, else the hub's session with a CSRF token.

    A session belongs to a member when it holds `SESSION_MERCHANT` and `SESSION_CUSTOMER`, the ids of a merchant and of
    one of its customers; whoever signs a member in writes both, after `cycle_key`. It opens nothing once the customer
    has been forgotten. Token and session of one person are one caller: they share its limit and its idempotency keys.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        text = _after("bearer", request)
        if text:
            token = read(text)
            if token is None:
                raise exceptions.AuthenticationFailed("This token is not valid, or has expired.", "invalid_token")
            merchant_id, user_id = token.merchant_id, token.user_id
            usage = credentials.count(_name(merchant_id, user_id), limit=settings.RATE_LIMIT_MEMBER)
        else:
            signed_in = self._signed_in(request)
            if signed_in is None:
                return None
            _check_csrf(request._request)
            merchant_id, user_id, usage = signed_in
        name = _name(merchant_id, user_id)
        return Caller(name=name, merchant=Merchant(id=merchant_id), user_id=user_id, usage=usage), None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="member"'

    def _signed_in(self, request: Request) -> tuple[UUID, UUID, Usage] | None:
        """Merchant and `user_id` of the customer the session names, their call counted; None for nobody."""
        session = getattr(request._request, "session", None)
        if session is None:
            return None
        try:
            merchant_id = UUID(session[SESSION_MERCHANT])
            customer_id = UUID(session[SESSION_CUSTOMER])
        except (KeyError, ValueError, TypeError, AttributeError):
            return None
        counted = credentials.count_member(merchant_id, customer_id, limit=settings.RATE_LIMIT_MEMBER)
        return None if counted is None else (merchant_id, *counted)


def _name(merchant_id: UUID, user_id: UUID) -> str:
    """What stands for a member where answers and counts are kept."""
    return f"member:{merchant_id}:{user_id}"


def _check_csrf(request: HttpRequest) -> None:
    """Raise PermissionDenied where a browser's unsafe call brings no CSRF token."""
    check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
    check.process_request(request)
    if reason := check.process_view(request, cast(Any, None), (), {}):
        raise exceptions.PermissionDenied(f"CSRF: {reason}", "csrf_failed")


def _after(scheme: str, request: Request) -> str:
    """What follows the scheme in the Authorization header; empty for another scheme."""
    name, _, rest = request._request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return rest.strip() if name.lower() == scheme else ""
