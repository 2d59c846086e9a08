"""gunicorn's `gthread` worker, with threads that stay with a connection for a moment."""

import select
import time
from typing import Any

from gunicorn.workers.gthread import DEFAULT_WORKER_DATA_TIMEOUT, ThreadWorker

# Milliseconds that a thread waits for the next request of a connection.
STAYS = 5
# Bytes of a body that nobody wanted: more than nginx lets through (docs/deploy/nginx.md).
MOST_UNREAD = 32 * 2**20


class Worker(ThreadWorker):
    """A thread that has answered waits a moment for the next request on that connection.

    gunicorn gives every connection back to the worker's first thread after each answer, which waits for the next
    request and gives it to some thread again: two threads more to wake, and to take turns with. A busy proxy has the
    next request ready by then. With more connections than threads none stays: which of them wait, only the first
    thread would know, and it has its turn when the others let it.
    """

    def handle(self, conn: Any) -> Any:
        """Answer a request, and those that follow on its heels; what gunicorn's own says of the last one."""
        kept = super().handle(conn)
        while kept is True and self.nr_conns <= self.cfg.threads and _has_sent(conn):
            kept = super().handle(conn)
        return kept

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Whether another request may follow; what was not read of this one's body is read now, and thrown away.

        gunicorn gives up after 64 KiB and closes the connection, although its answer said that it would not. A proxy
        may have sent somebody else's request on it by then.
        """
        if not keepalive:
            return False
        deadline = time.monotonic() + DEFAULT_WORKER_DATA_TIMEOUT
        return bool(conn.parser.finish_body(deadline=deadline, max_bytes=MOST_UNREAD))


def _has_sent(conn: Any) -> bool:
    """Whether the next request, or the end of the connection, comes within `STAYS`."""
    if conn.parser.unreader.buf.getvalue():
        # Read along with the request before.
        return True
    coming = select.poll()
    coming.register(conn.sock, select.POLLIN)
    return bool(coming.poll(STAYS))
