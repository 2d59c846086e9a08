"""The pinned requirements: what pyproject.toml asks for, each with its hashes, from nowhere in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import server

PROJECT = tomllib.loads((server.ROOT / "pyproject.toml").read_text())
SERVING = PROJECT["project"]["dependencies"]
EXTRAS = [line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
DEVELOPMENT = [*SERVING, *EXTRAS, *PROJECT["dependency-groups"]["dev"]]


def _pins(path: Path) -> dict[str, Requirement]:
    joined = path.read_text().replace("\\\n", " ")
    lines = [line.split("--hash")[0].strip() for line in joined.splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize(
    ("file", "asked"), [("requirements.txt", SERVING), ("requirements-dev.txt", DEVELOPMENT)], ids=["serving", "dev"]
)
def test_what_the_project_asks_for_is_pinned_within_its_range(file, asked):
    pins = _pins(server.ROOT / file)

    for requirement in map(Requirement, asked):
        pin = pins[canonicalize_name(requirement.name)]
        [version] = pin.specifier
        assert version.operator == "=="
        assert requirement.specifier.contains(version.version, prereleases=True), f"{pin} is not {requirement}"


def test_development_and_serving_pin_the_same_versions():
    serving, development = _pins(server.ROOT / "requirements.txt"), _pins(server.ROOT / "requirements-dev.txt")

    assert {name: str(pin.specifier) for name, pin in serving.items()} == {
        name: str(development[name].specifier) for name in serving
    }


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_its_hashes_and_names_no_host(file):
    text = (server.ROOT / file).read_text()

    assert "://" not in text
    joined = text.replace("\\\n", " ")
    for line in filter(None, joined.splitlines()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line
