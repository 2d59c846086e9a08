"""Waiting until somebody waits: for tests of what happens when two do the same at once."""

import time
from typing import Any


def wait_until_waited_for(connection: Any, seconds: float = 20) -> None:
    """Return when another session waits for a lock that this connection's transaction holds."""
    with connection.cursor() as cursor:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_locks waiting WHERE NOT granted "
                "AND pg_backend_pid() = ANY (pg_blocking_pids(waiting.pid))"
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.02)
    raise AssertionError("Nobody waits.")
