"""What a long-running process makes sure of before it serves anybody."""

import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


def say_when_the_key_is_random() -> None:
    """Tell the operator on stderr that this command runs with a passing key, where SECRET_KEY is not set."""
    if settings.SECRET_KEY_IS_RANDOM and not settings.DEBUG:
        print(
            "SECRET_KEY is not set: this command runs with a random key of its own.",
            file=sys.stderr,
        )


def refuse_without_secrets(process: str) -> None:
    """Raise `ImproperlyConfigured` where `process` would run with a passing key or no database named.

    A random key per process would sign sessions and cursors that the process next to it rejects.
    """
    if settings.DEBUG or settings.EMBEDDED_DATABASE:
        return
    if settings.SECRET_KEY_IS_RANDOM:
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set, so {process} does not start. Set it to a long random text, the same for "
            "every process (python -c 'import secrets; print(secrets.token_urlsafe(64))')."
        )
    if not settings.DATABASE_IS_NAMED:
        raise ImproperlyConfigured(f"DATABASE_URL is not set, so {process} does not start.")
