"""Where Django looks for the backend that DATABASES names."""

import psycopg
from django.db.backends.postgresql import base
from psycopg.pq import ConnStatus, TransactionStatus

# In the middle of a statement that somebody was torn away from, or nobody knows where.
_BUSY = (TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN)


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
            # What the server said last, such as a setting that changed; why it goes; and that nothing follows.
            for _ in range(3):
                raw.consume_input()
        except psycopg.Error:
            return False
        return raw.status == ConnStatus.OK and raw.transaction_status not in _BUSY
