"""The embedded PostgreSQL behind `make demo`, `make test` and every command where DATABASE_URL is unset."""

from collections.abc import Sequence


def use_when_no_database_is_named(arguments: Sequence[str]) -> None:
    """Start or join the server in `var/` and name it in the environment, unless DATABASE_URL is set."""
