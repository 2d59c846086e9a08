"""What a long-running process makes sure of before it serves anybody."""

import sys

import psycopg
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from loyalty_site.tenants import roles

log = structlog.get_logger(__name__)


def warn_of_lost_protection(process: str) -> None:
    """Log a warning where the role of `process` could write value past the ledger.

    A database that cannot be reached is not this function's business: readiness tells of it.
    """
    try:
        found = weaknesses_of_the_runtime_role()
    except psycopg.Error:
        return
    if found:
        log.warning("database.one_role_does_everything", process=process, because=found, lost=roles.WHAT_IS_LOST)


def weaknesses_of_the_runtime_role() -> list[str]:
    """What `roles.weaknesses` finds, over a connection of its own: none may be open before a fork."""
    given = {**connections["default"].get_connection_params(), "connect_timeout": 5}
    given.pop("cursor_factory", None)
    given.pop("context", None)
    with psycopg.connect(**given, autocommit=True) as connection:
        return roles.weaknesses(connection)


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
