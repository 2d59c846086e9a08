"""The documentation: pages that exist, links that lead somewhere, files for deploying that can be read."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import server

DOCS = server.ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), *(server.ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
)


def _nav(entries) -> list[str]:
    found = []
    for entry in entries:
        for target in entry.values():
            found += [target] if isinstance(target, str) else _nav(target)
    return found


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page():
    listed = _nav(yaml.safe_load((server.ROOT / "mkdocs.yml").read_text())["nav"])

    assert sorted(listed) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(server.ROOT)))
def test_links_lead_to_files_that_exist(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link and not link.startswith("#")]

    for link in links:
        assert (page.parent / link.partition("#")[0]).exists(), f"{link} in {page.name}"


@pytest.mark.long
def test_the_pages_can_be_built(tmp_path):
    shutil.copy(server.ROOT / "mkdocs.yml", tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")

    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "index.html").exists()


# --- Files for deploying --------------------------------------------------------------------------------------
def _units() -> dict[str, str]:
    page = (DOCS / "deploy" / "systemd.md").read_text()
    return dict(re.findall(r"`/etc/systemd/system/([\w.-]+)`:\s+```ini\n(.*?)```", page, re.DOTALL))


def test_the_units_end_a_process_as_it_wants_to_be_ended():
    units = _units()

    assert set(units) == {"regulars-web.service", "regulars-worker.service"}
    for text in units.values():
        unit = configparser.ConfigParser(interpolation=None)
        unit.optionxform = str  # type: ignore[assignment]
        unit.read_string(text)
        assert unit["Service"]["KillMode"] == "mixed"
        assert unit["Service"]["Restart"] == "always"
        assert int(unit["Service"]["TimeoutStopSec"]) > 25


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
def test_systemd_can_read_the_units(tmp_path):
    for name, text in _units().items():
        (tmp_path / name).write_text(text.replace("/srv/regulars/.venv/bin/python", sys.executable))

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )

    assert not [line for line in done.stderr.splitlines() if "regulars-" in line]


def test_the_compose_file_starts_what_an_installation_needs():
    compose = yaml.safe_load((server.ROOT / "compose.yaml").read_text())
    services = compose["services"]

    assert set(services) == {"db", "migrate", "web", "worker"}
    assert services["worker"]["command"] == ["python", "manage.py", "run_worker"]
    # Who serves does not know how to log in as the owner.
    for name in ("web", "worker"):
        assert "DATABASE_OWNER_URL" not in services[name]["environment"]
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert "DATABASE_OWNER_URL" in services["migrate"]["environment"]


def test_the_image_is_made_of_files_that_exist():
    lines = (server.ROOT / "Dockerfile").read_text().splitlines()
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    allowed = (server.ROOT / ".dockerignore").read_text().splitlines()

    assert copied
    for name in copied:
        assert (server.ROOT / name).exists()
        assert f"!{name}" in allowed
    everything = {path.name for path in server.ROOT.iterdir() if (path / "__init__.py").exists()} - {"tests"}
    assert everything <= set(copied)


def test_every_setting_read_from_the_environment_is_described():
    described = set(re.findall(r"`([A-Z][A-Z_]+)`", (DOCS / "deploy" / "environment.md").read_text()))
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', Path(server.ROOT / "loyalty_site" / "settings.py").read_text()))

    assert read <= described
