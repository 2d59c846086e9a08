"""Database connections beside Django's own: for listening, ringing and nothing that writes."""

from typing import Any

import psycopg
from django.db import connection, connections


def raw_connection(*, application_name: str) -> "psycopg.Connection[Any]":
    """A new autocommit connection to the default database, the caller's to close.

    Django's own connection stands in transactions, and is closed between requests when it is old; one that
    listens may be none of that.
    """
    parameters = connections["default"].get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    parameters["application_name"] = application_name
    return psycopg.connect(**parameters, autocommit=True)


def drop_if_unusable() -> None:
    """Close Django's connection if the server is not at its other end any more; the next query makes a new one.

    Django looks only where `close_old_connections` is called: between requests, and before each task.
    """
    if connection.connection is not None and not connection.in_atomic_block and not connection.is_usable():
        connection.close()


def database_name() -> str:
    """The database that `raw_connection` would connect to at this moment."""
    return str(connections["default"].settings_dict["NAME"])
