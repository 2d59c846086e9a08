"""Statements that PostgreSQL parses and plans once a connection, not at every change: for the few each change runs.

Django's own cursors write the values into the text, which suits queries whose plan depends on them. These keep them
apart. DATABASE_PREPARE=0 switches it off, for a pooler that cannot carry prepared statements.
"""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import ServerBindingCursor


class _Cursor(ServerBindingCursor):
    def _convert_query(self, *arguments: Any) -> Any:
        # Where Django's log of queries looks for the statement; psycopg keeps it for client-side cursors alone.
        self._query = super()._convert_query(*arguments)  # type: ignore[misc]
        return self._query


def prepared_cursor() -> Any:
    """A cursor like `connection.cursor()`, seen by query counts, logs and wrappers as that one is.

    Cast a parameter where PostgreSQL cannot tell its type.
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.close_if_health_check_failed()
    database.ensure_connection()
    return database._prepare_cursor(_Cursor(database.connection))  # type: ignore[attr-defined, call-arg]
