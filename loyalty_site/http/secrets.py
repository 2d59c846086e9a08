"""Keys and tokens: made, shown once, known by their digest."""

import hashlib
import secrets
from dataclasses import dataclass

API_KEY_PREFIX = "rk_"
STAFF_TOKEN_PREFIX = "rs_"  # noqa: S105 (says what kind of secret it is)


@dataclass(frozen=True, slots=True)
class Secret:
    """A new secret: `text` is shown once, `hint` and `digest` are kept."""

    text: str
    hint: str
    digest: bytes


def new_secret(prefix: str) -> Secret:
    """256 bits behind a prefix that tells people, and scanners for leaked secrets, what it is."""
    text = prefix + secrets.token_urlsafe(32)
    return Secret(text, text[:10], digest(text))


def digest(text: str) -> bytes:
    """SHA-256. A secret of 256 random bits needs no slow hash: there is nothing to guess."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
