"""Secrets that must be read again: kept encrypted, so that a copy of the database signs nothing and opens nothing.

The keys follow SECRET_KEY. Whoever changes it names the old one in SECRET_KEY_FALLBACKS: what was sealed with it can
still be opened, and is sealed anew when it is written next.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class CannotBeOpened(Exception):
    """Sealed with a SECRET_KEY that is neither the one of today nor among its fallbacks."""


def seal(text: str, *, purpose: str) -> str:
    """The text encrypted and authenticated (Fernet); only the same purpose opens it."""
    return _ring(purpose).encrypt(text.encode()).decode()


def opened(sealed: str, *, purpose: str) -> str:
    """The text. Raises `CannotBeOpened`."""
    try:
        return _ring(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise CannotBeOpened("Sealed with another SECRET_KEY; name it in SECRET_KEY_FALLBACKS.") from error


def _ring(purpose: str) -> MultiFernet:
    return _made((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS), purpose)


@lru_cache(maxsize=16)
def _made(keys: tuple[str, ...], purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(_derived(key, purpose)) for key in keys])


def _derived(key: str, purpose: str) -> bytes:
    info = f"regulars: {purpose}".encode()
    return urlsafe_b64encode(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key.encode()))
