"""What every test can ask for. The server itself is started in `tests/server.py`."""

import gc
import os
import signal
from collections.abc import Iterator

import coverage
import pytest

pytest_plugins = [
    "tests.databases",
    "tests.stages",
    "tests.browsers",
    "tests.cast",
    "tests.tills",
    "tests.callers",
    "tests.node",
    "tests.smtp_sink",
]

# Where coverage tells a child process to count as well.
CHILDREN = "COVERAGE_PROCESS_CONFIG"


def pytest_configure() -> None:
    """Let children be interrupted: a shell that runs the suite in the background has SIGINT ignored, for them too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many workers as cores, at most eight: half of a test's time it waits, for PostgreSQL or a child."""
    return min(8, 2 * (os.cpu_count() or 1))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What is there by now stays to the end: Python looks for garbage in what the tests make alone, and less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    """Lines are counted while the others run: under the counting the long tests take nearly twice their time."""
    if item.get_closest_marker("long") is None or item.get_closest_marker("counted") is not None:
        return (yield)
    stopped = []
    # One of the test run's own, and one that any child process of it begins with.
    while (counting := coverage.Coverage.current()) is not None:
        counting.stop()
        stopped.append(counting)
    children = os.environ.pop(CHILDREN, None)
    try:
        return (yield)
    finally:
        for counting in reversed(stopped):
            counting.start()
        if children is not None:
            os.environ[CHILDREN] = children
