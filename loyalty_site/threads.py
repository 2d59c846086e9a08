"""gunicorn's `gthread` worker, with threads that stay with a connection for a moment."""

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

# Milliseconds that a thread waits for the next request of a connection.
STAYS = 5


class Worker(ThreadWorker):
    """A thread that has answered waits a moment for the next request on that connection.

    gunicorn gives every connection back to the worker's first thread after each answer, which waits for the next
    request and gives it to some thread again: two threads more to wake, and to take turns with. A busy proxy has the
    next request ready by then. Where a connection waits for a thread, none stays, and nobody waits longer than
    `STAYS` for one that does.
    """

    def handle(self, conn: Any) -> Any:
        """Answer a request, and those that follow on its heels; what gunicorn's own says of the last one."""
        kept = super().handle(conn)
        while kept is True and self.alive and self.tpool._work_queue.empty() and _has_sent(conn):
            kept = super().handle(conn)
        return kept


def _has_sent(conn: Any) -> bool:
    """Whether the next request, or the end of the connection, comes within `STAYS`."""
    if conn.parser.unreader.buf.getvalue():
        # Read along with the request before.
        return True
    coming = select.poll()
    coming.register(conn.sock, select.POLLIN)
    return bool(coming.poll(STAYS))
