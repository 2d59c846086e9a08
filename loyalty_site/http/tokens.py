"""Member tokens: a JWT (RFC 7519) that lets a storefront's signed-in customer speak for themselves."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

import jwt
from django.conf import settings

from loyalty_site.ids import new_id

AUDIENCE = "regulars:member"
ISSUER = "regulars"
LIFE = timedelta(hours=1)
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class MemberToken:
    """What a token says: which customer of which merchant, until when."""

    merchant_id: UUID
    user_id: UUID
    expires_at: datetime


def issue(*, merchant_id: UUID, user_id: UUID, at: datetime, life: timedelta = LIFE) -> tuple[str, MemberToken]:
    """A token for this customer, signed with the ring's first key. It lives an hour at the most."""
    ring = key_ring(settings.MEMBER_TOKEN_KEYS)
    key_id, secret = next(iter(ring.items()))
    expires_at = (at + min(life, LIFE)).replace(microsecond=0)
    text = jwt.encode(
        {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "mer": str(merchant_id),
            "iat": int(at.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": str(new_id()),
        },
        secret,
        algorithm=_ALGORITHM,
        headers={"kid": key_id},
    )
    return text, MemberToken(merchant_id, user_id, expires_at)


def read(text: str) -> MemberToken | None:
    """What the token says; None unless a key of the ring signed it, for this audience, for an hour at the most."""
    ring = key_ring(settings.MEMBER_TOKEN_KEYS)
    try:
        secret = ring.get(jwt.get_unverified_header(text).get("kid", ""))
        if secret is None:
            return None
        claims = jwt.decode(
            text,
            secret,
            algorithms=[_ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
        expires_at = datetime.fromtimestamp(claims["exp"], tz=UTC)
        if claims["exp"] - claims["iat"] > LIFE.total_seconds():
            return None
        return MemberToken(UUID(claims["mer"]), UUID(claims["sub"]), expires_at)
    except (jwt.InvalidTokenError, KeyError, ValueError, TypeError, OverflowError):
        return None


@cache
def key_ring(keys: tuple[tuple[str, str], ...]) -> dict[str, bytes]:
    """Keys by id, in order: the first signs, all verify, so that a new one goes in front and logs nobody out."""
    return {key_id: secret.encode() for key_id, secret in keys}
