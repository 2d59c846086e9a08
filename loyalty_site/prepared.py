"""Statements that PostgreSQL parses and plans once a connection, not at every change: for the few each change runs.

Django's own cursors write the values into the text, which suits queries whose plan depends on them. These keep them
apart. DATABASE_PREPARE=0 switches it off, for a pooler that cannot carry prepared statements.
"""

from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor


def prepared_cursor() -> Any:
    """A cursor like `connection.cursor()`, seen by query counts, logs and wrappers as that one is.

    Cast a parameter where PostgreSQL cannot tell its type.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    return connection._prepare_cursor(ServerBindingCursor(connection.connection))  # type: ignore[attr-defined, call-arg]
