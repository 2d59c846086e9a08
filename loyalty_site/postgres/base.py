"""Where Django looks for the backend that DATABASES names."""

import psycopg
from django.db.backends.postgresql import base
from psycopg.pq import ConnStatus


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that a thread keeps from one request to the next."""

    def is_usable(self) -> bool:
        """Whether the server is still at its other end, as far as this end has heard.

        Django asks with a SELECT before the first statement of each request: a till would wait for it every time. A
        server that went away, or was restarted, has closed the connection, which can be read here.
        """
        if self.connection is None:
            return False
        raw = self.connection.pgconn
        try:
            # The first reads what the server said last, why it goes; the second, that nothing follows.
            raw.consume_input()
            raw.consume_input()
        except psycopg.Error:
            return False
        return bool(raw.status == ConnStatus.OK)
