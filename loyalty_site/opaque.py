"""Texts that stand for a row in links: whoever has one may open what it leads to, and nobody can guess one."""

import base64
import binascii
import hmac
from hashlib import sha256
from uuid import UUID

from django.conf import settings

_MAC = 12


def token(row_id: UUID, *, purpose: str) -> str:
    """The row's id with a signature that is good for this purpose alone, as unpadded base64url."""
    return base64.urlsafe_b64encode(row_id.bytes + _mac(row_id, settings.SECRET_KEY, purpose)).decode().rstrip("=")


def id_in(text: str, *, purpose: str) -> UUID | None:
    """The id that the token stands for, made with today's key or one of its fallbacks; None for any other text."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _MAC:
        return None
    row_id = UUID(bytes=raw[:16])
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(raw[16:], _mac(row_id, key, purpose)):
            return row_id
    return None


def _mac(row_id: UUID, key: str, purpose: str) -> bytes:
    return hmac.new(f"regulars {purpose}{key}".encode(), row_id.bytes, sha256).digest()[:_MAC]
