"""Who opens a page of a merchant, as far as a request tells: the network address, the browser, a cookie of ours."""

import hashlib
import ipaddress
import re
import secrets
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from loyalty_site.http.authentication import SESSION_CUSTOMER, SESSION_MERCHANT
from referrals.operations.devices import KEPT, Footprint

COOKIE = "device"
_MADE_HERE = re.compile(r"[A-Za-z0-9_-]{22}")


def address(request: HttpRequest) -> str:
    """The visitor's network address; of IPv6 the /64, within which a phone changes its address as it likes.

    Empty where none is known, and for one that is not of the open internet: that is a proxy nobody told us of
    (PROXY_COUNT), or a house's own network, and says nothing about who it is.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.PROXY_COUNT:
        # Each proxy writes at the end whom it was called by; what stands before is what the visitor sent.
        hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        text = hops[-settings.PROXY_COUNT].strip() if len(hops) >= settings.PROXY_COUNT else ""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if not found.is_global:
        return ""
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


def subject(merchant_id: UUID, text: str) -> str:
    """What stands for an address where calls are counted. The day is in the key: nobody can follow it any longer."""
    key = hashlib.blake2b(settings.SECRET_KEY.encode(), person=b"join address").digest()
    said = f"{merchant_id} {timezone.now():%Y-%m-%d} {text}".encode()
    return f"join:{merchant_id}:{hashlib.blake2b(said, key=key, digest_size=12).hexdigest()}"


def footprint(request: HttpRequest) -> Footprint:
    """What reviews of referrals go by. Its `device` is new where the browser brought none: see `remember`."""
    known = request.COOKIES.get(COOKIE, "")
    return Footprint(
        device=known if _MADE_HERE.fullmatch(known) else secrets.token_urlsafe(16),
        address=address(request),
        user_agent=request.META.get("HTTP_USER_AGENT", "")[:512],
    )


def remember(response: HttpResponse, device: str) -> None:
    """Leave the cookie by which the browser is known again, for as long as its hash is kept."""
    response.set_cookie(
        COOKIE,
        device,
        max_age=KEPT,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def customer_id(request: HttpRequest, merchant_id: UUID) -> str:
    """The customer of the merchant who is signed in at the hub, as a text; empty for nobody."""
    # Without the cookie there is no session, and no query for it.
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return ""
    session = request.session
    if session.get(SESSION_MERCHANT) != str(merchant_id):
        return ""
    return str(session.get(SESSION_CUSTOMER) or "")
