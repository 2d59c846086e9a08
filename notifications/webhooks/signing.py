"""Secrets of endpoints, and signatures made with them (Standard Webhooks 1.0, symmetric keys)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from loyalty_site import sealing
from notifications.models import WebhookEndpoint

PREFIX = "whsec_"
# The standard asks for 24 to 64 bytes.
_BYTES = 32
_PURPOSE = "webhook secrets"


def new_secret() -> tuple[str, str]:
    """A secret as its owner sees it, and as it is kept."""
    text = PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()
    return text, sealing.seal(text, purpose=_PURPOSE)


def secrets_of(endpoint: WebhookEndpoint, *, at: datetime) -> list[str]:
    """What signs now: the secret, and during a rotation the one before. Raises `sealing.CannotBeOpened`."""
    sealed = [endpoint.secret]
    if endpoint.previous_secret and endpoint.previous_secret_until and at < endpoint.previous_secret_until:
        sealed.append(endpoint.previous_secret)
    return [sealing.opened(each, purpose=_PURPOSE) for each in sealed]


def headers(keys: Sequence[str], *, webhook_id: UUID, body: bytes, at: datetime) -> dict[str, str]:
    """The three headers of the standard; a signature for each key, apart by a space."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join([str(webhook_id).encode(), timestamp.encode(), body])
    signatures = [f"v1,{_signature(key, signed)}" for key in keys]
    return {"webhook-id": str(webhook_id), "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(key: str, signed: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(raw, signed, hashlib.sha256).digest()).decode()
