"""What every test can ask for. The server itself is started in `tests/server.py`."""

import os
import signal

pytest_plugins = ["tests.databases", "tests.browsers", "tests.cast", "tests.tills", "tests.callers", "tests.node"]


def pytest_configure() -> None:
    """Let children be interrupted: a shell that runs the suite in the background has SIGINT ignored, for them too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many workers as cores, at most eight: half of a test's time it waits, for PostgreSQL or a child."""
    return min(8, 2 * (os.cpu_count() or 1))
