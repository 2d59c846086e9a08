"""Statements that PostgreSQL parses and plans once a connection, not at every change: for the few each change runs.

Django's own cursors write the values into the text, which suits queries whose plan depends on them. These keep them
apart. DATABASE_PREPARE=0 switches it off, for a pooler that cannot carry prepared statements.
"""

from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor


class _Cursor(ServerBindingCursor):
    def _convert_query(self, *arguments: Any) -> Any:
        # Where Django's log of queries looks for the statement; psycopg keeps it for client-side cursors alone.
        self._query = super()._convert_query(*arguments)  # type: ignore[misc]
        return self._query


def prepared_cursor() -> Any:
    """A cursor like `connection.cursor()`, seen by query counts, logs and wrappers as that one is.

    For use within a transaction. Cast a parameter where PostgreSQL cannot tell its type.
    """
    return connection._prepare_cursor(_Cursor(connection.connection))  # type: ignore[attr-defined, call-arg]
