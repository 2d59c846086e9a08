"""The committed OpenAPI document, for tests that are made from it."""

from functools import cache
from typing import Any

import yaml

from tests import server

COMMITTED = server.ROOT / "docs" / "openapi.yaml"

# libyaml's reader takes a third of a second where the one in Python takes six, in every worker and for every module.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def committed() -> dict[str, Any]:
    """The document, read once a process."""
    document: dict[str, Any] = yaml.load(COMMITTED.read_text(), Loader=_LOADER)  # noqa: S506 (a safe loader)
    return document
