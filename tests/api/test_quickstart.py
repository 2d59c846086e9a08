"""The quickstart, run as it is written, against the served site."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loyalty.models import LedgerEntry, Member
from loyalty_site.tenants.models import Store
from tests import server
from tests.cast import make_merchant

PAGE = (server.ROOT / "docs" / "api" / "quickstart.md").read_text()


def snippets(language: str) -> list[str]:
    """The page's code in this language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def cafe_is_open(live_site: Any) -> dict[str, str]:
    """The café and its counter, and the environment in which the page's first step was taken."""
    program = make_merchant("cafe")
    Store.objects.create(merchant=program.merchant, reference="counter", name="Counter")
    [make_key, _] = snippets("bash")
    there = make_key.replace("http://127.0.0.1:8000", live_site.url).replace(".venv/bin/python", sys.executable)
    said = run(["bash", "-euo", "pipefail", "-c", f"{there}\nenv"], cwd=server.ROOT)
    named = dict(line.split("=", 1) for line in said.splitlines() if line.startswith("REGULARS_"))
    assert named["REGULARS_KEY"].startswith("rk_")
    return {**os.environ, **named}


def run(command: list[str], **options: Any) -> str:
    """What the command prints; it must end well."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_quickstart_earns_points_with_curl(cafe_is_open: dict[str, str], tmp_path: Path) -> None:
    [_, with_curl] = snippets("bash")

    said = run(["bash", "-euo", "pipefail", "-c", with_curl], cwd=tmp_path, env=cafe_is_open)

    assert '"points":45' in said.replace(" ", "")
    assert Member.objects.get().points_balance == 45


def test_the_quickstart_earns_points_with_python(cafe_is_open: dict[str, str], tmp_path: Path) -> None:
    [program] = snippets("python")

    for _ in range(2):
        said = run([sys.executable, "-c", program], cwd=tmp_path, env=cafe_is_open)

    assert said == "45 points earned, 45 in all\n"
    assert LedgerEntry.objects.count() == 1


def test_the_quickstart_earns_points_with_javascript(cafe_is_open: dict[str, str], tmp_path: Path, node: str) -> None:
    [program] = snippets("javascript")

    said = run([node, "-e", program], cwd=tmp_path, env=cafe_is_open)

    assert said == "45 points earned, 45 in all\n"
