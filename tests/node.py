"""Node, where there is one: for the JavaScript in the documentation."""

import os
import shutil

import pytest

WITHOUT = "no Node (NODE= names one)"


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node; skips the test where there is none."""
    path = os.environ.get("NODE") or shutil.which("node")
    if path is None:
        pytest.skip(WITHOUT)
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if WITHOUT in str(report.longrepr)]
    if skipped:
        terminalreporter.section(f"{len(skipped)} snippets in JavaScript were skipped: no Node found")
        for report in skipped:
            terminalreporter.write_line(report.nodeid)
