"""Pushes to browsers (RFC 8030), encrypted (RFC 8291) and signed with VAPID (RFC 8292), where `pywebpush` is installed.

An address is the browser's subscription as JSON: its `endpoint` is wherever the browser's maker has its service, so it
is called as anything else that somebody else chose is (`notifications.outbound`).
"""

import base64
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from notifications import outbound
from notifications.channels import handing
from notifications.channels.base import Outcome, Outgoing, Result

# Looked for now and imported when a push is first sent: it brings a web client of its own, and every command would pay
# a tenth of its start for it.
IS_INSTALLED = find_spec("pywebpush") is not None

# The service keeps a push for a browser that is not there for so long.
TTL_SECONDS = 24 * 3600
# A signature serves for all pushes to one service for so long (RFC 8292 allows a day).
_TOKEN_SECONDS = 12 * 3600
# Encrypted, a push may have 4096 bytes (RFC 8030, 7.2): so many of them are the text's and the title's.
MAX_TEXT, MAX_TITLE = 2400, 400
_POINT_BYTES, _AUTH_BYTES = 65, 16


class BadSubscription(ValueError):
    """Not what a browser's PushSubscription says of itself."""


def is_subscription(address: str) -> bool:
    """Whether a push address is a browser's; an app's token never begins so."""
    return address.lstrip().startswith("{")


def subscription(address: str) -> dict[str, Any]:
    """The subscription. Raises `BadSubscription` where it is none, or leads where nobody is called."""
    try:
        facts = json.loads(address)
        endpoint, keys = facts["endpoint"], facts["keys"]
        if not all(isinstance(each, str) and each for each in (endpoint, keys["p256dh"], keys["auth"])):
            raise BadSubscription("A subscription has an endpoint and the keys p256dh and auth.")
        _check_keys(keys["p256dh"], keys["auth"])
        outbound.checked(endpoint)
    except (ValueError, KeyError, TypeError, outbound.TargetRefused) as error:
        raise BadSubscription("This is not the subscription of a browser.") from error
    return {"endpoint": endpoint, "keys": {"p256dh": keys["p256dh"], "auth": keys["auth"]}}


def _check_keys(p256dh: str, auth: str) -> None:
    """Raise ValueError unless they are a point of P-256 and a secret of 16 bytes, as RFC 8291, 2 and 3.2, has it."""
    point = _decoded(p256dh)
    EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    if len(point) != _POINT_BYTES or len(_decoded(auth)) != _AUTH_BYTES:
        raise BadSubscription("The keys of a subscription have 65 and 16 bytes.")


def _decoded(text: str) -> bytes:
    """Base64url, with its padding or without."""
    bare = text.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)


class WebPushChannel:
    """The adapter of pushes to browsers."""

    def is_on(self) -> bool:
        """Whether there are a key and the library."""
        return why_off() == ""

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand over the batch, some at a time. Each browser's maker has a service of its own: none stands for all."""
        return handing.each(batch, _send)


def why_off() -> str:
    """Why no browser gets a push; empty where they do."""
    if not settings.WEBPUSH_PRIVATE_KEY or not settings.WEBPUSH_CONTACT:
        return "WEBPUSH_PRIVATE_KEY and WEBPUSH_CONTACT are not set."
    if not IS_INSTALLED:
        return "pywebpush is not installed (the extra `webpush`)."
    try:
        _vapid(settings.WEBPUSH_PRIVATE_KEY)
    except ValueError:
        return "WEBPUSH_PRIVATE_KEY is not a VAPID key."
    return ""


def public_key(private_key: str) -> str:
    """What a browser subscribes with (`applicationServerKey`), as unpadded base64url."""
    from py_vapid.utils import b64urlencode

    key = _vapid(private_key).public_key
    return str(b64urlencode(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)))


@lru_cache(maxsize=4)
def _vapid(key: str) -> Any:
    from py_vapid import Vapid02

    try:
        return Vapid02.from_string(key)
    except Exception as error:
        raise ValueError("This is not a VAPID key.") from error


@lru_cache(maxsize=256)
def _signature(key: str, contact: str, audience: str, period: int) -> str:
    claims = {"aud": audience, "sub": contact, "exp": (period + 2) * _TOKEN_SECONDS}
    return str(_vapid(key).sign(claims)["Authorization"])


def _send(outgoing: Outgoing) -> Outcome:
    from pywebpush import WebPusher, WebPushException

    try:
        info = subscription(outgoing.address)
        told = {
            "title": _cut(outgoing.subject, MAX_TITLE),
            "body": _cut(outgoing.text, MAX_TEXT),
            "link": outgoing.link,
        }
        body = WebPusher(info).encode(json.dumps(told, ensure_ascii=False).encode())["body"]
    except (ValueError, WebPushException):
        # A key that is no point of the curve, too.
        return Outcome(result=Result.REFUSED, error="This is not the subscription of a browser.", address_is_dead=True)
    target = outbound.checked(info["endpoint"])
    audience = f"{target.scheme}://{target.netloc.decode('ascii')}"
    period = int(time.time()) // _TOKEN_SECONDS
    headers = {
        "Authorization": _signature(settings.WEBPUSH_PRIVATE_KEY, settings.WEBPUSH_CONTACT, audience, period),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(TTL_SECONDS),
    }
    try:
        answer = outbound.client().post(info["endpoint"], body=body, headers=headers, seconds=handing.SECONDS)
    except outbound.TargetRefused:
        return Outcome(result=Result.REFUSED, error="The subscription leads inside.", address_is_dead=True)
    except outbound.CallFailed:
        # The service of one browser: those of the others may answer.
        return Outcome(result=Result.DEFERRED, error="The browser's push service does not answer.", is_busy=True)
    return _outcome(answer)


def _cut(text: str, most: int) -> str:
    """The text, of so many bytes at most."""
    return text.encode()[:most].decode(errors="ignore")


def _outcome(answer: outbound.Answer) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome(result=Result.SENT, provider_id=handing.word(answer.headers.get("location")))
    if answer.status in (404, 410):
        return Outcome(result=Result.REFUSED, error=f"The subscription is gone: {answer.status}.", address_is_dead=True)
    if answer.status == 429 or answer.status >= 500:
        after = outbound.retry_after(answer.headers, now=datetime.now(UTC))
        error = f"The browser's push service answers {answer.status}."
        return Outcome(result=Result.DEFERRED, error=error, retry_after=after, is_busy=True)
    return Outcome(result=Result.REFUSED, error=f"The browser's push service answers {answer.status}.")
