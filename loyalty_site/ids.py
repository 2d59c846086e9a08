"""Identifiers: UUID version 7 (RFC 9562), made here because PostgreSQL below 18 cannot."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A new UUIDv7: unique, and later ones sort after earlier ones to the millisecond."""
    return uuid7()
