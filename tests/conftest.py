"""What every test can ask for. The server itself is started in `tests/server.py`."""

import signal

pytest_plugins = [
    "tests.databases",
    "tests.browsers",
    "tests.cast",
    "tests.tills",
    "tests.callers",
    "tests.node",
    "tests.smtp_sink",
]


def pytest_configure() -> None:
    """Let children be interrupted: a shell that runs the suite in the background has SIGINT ignored, for them too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
