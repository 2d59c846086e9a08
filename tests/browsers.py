"""Fixtures of the browser journeys: a real gunicorn and a real Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import server
from tests.databases import OwnDatabase
from tests.once import made_once

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
# Milliseconds that a page may take to show what is expected of it.
WAIT = 30_000


def find_chromium() -> str | None:
    """CHROMIUM, else the first Chromium at one of the usual places."""
    if named := os.environ.get("CHROMIUM"):
        return named
    found = (shutil.which(name) for name in NAMES)
    places = (place for place in PLACES if Path(place).exists())
    return next(filter(None, [*found, *places]), None)


# --- The site -------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class LiveSite:
    """A served site; `url` has no slash at its end."""

    url: str
    database: OwnDatabase


@pytest.fixture(scope="session")
def collected_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static files as `collectstatic` leaves them for production, made once for all workers of the run."""

    def collect(folder: Path) -> None:
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
            cwd=server.ROOT,
            env={**os.environ, "STATIC_ROOT": str(folder)},
            check=True,
        )

    return made_once(tmp_path_factory, "static", collect)


@pytest.fixture
def live_site(own_database: OwnDatabase, collected_static: Path, tmp_path: Path) -> Iterator[LiveSite]:
    """The site, served by gunicorn in a process of its own, on the test's own database."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        log = tmp_path / "gunicorn.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gunicorn",
                    "loyalty_site.wsgi",
                    f"--bind=fd://{listener.fileno()}",
                    "--config=python:loyalty_site.web",
                    "--workers=1",
                    "--threads=4",
                    "--graceful-timeout=5",
                ],
                cwd=server.ROOT,
                env={**os.environ, "STATIC_ROOT": str(collected_static)},
                pass_fds=[listener.fileno()],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                _wait_until_served(url, process, log)
                yield LiveSite(url, own_database)
            finally:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _wait_until_served(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/admin/login/", timeout=60):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"gunicorn did not serve.\n{log.read_text()}")


# --- The browser ----------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """Chromium without a window; skips the test where there is none, fails it where REQUIRE_BROWSER=1."""
    path = find_chromium()
    if path is None:
        reason = "no Chromium (CHROMIUM= names one)"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import expect, sync_playwright

    # Playwright keeps an event loop in this thread, which Django would take for async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    # The browser shares the cores with the other tests: the schema's page may take more than the usual five seconds.
    expect.set_options(timeout=WAIT)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def browser_page(browser: "Browser") -> "Iterator[Page]":
    """A page in a fresh browser profile. An error in the page's own scripts fails the test."""
    context = browser.new_context(locale="en-GB", timezone_id="UTC")
    page = context.new_page()
    page.set_default_timeout(WAIT)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, f"The page's scripts failed: {errors}"


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "browser" in report.keywords]
    if skipped:
        terminalreporter.section(f"{len(skipped)} browser journeys were skipped: no Chromium found")
        for report in skipped:
            terminalreporter.write_line(report.nodeid)
