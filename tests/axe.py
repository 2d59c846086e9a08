"""axe-core in a browser's page: what it finds against WCAG 2.2 AA."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _source() -> str:
    return (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text()


def violations(page: "Page") -> list[str]:
    """A line for each violation: the rule, what it asks for, and where."""
    # Evaluated, and not added as an element: the page's content policy lets no script in.
    page.evaluate(_source())
    found = page.evaluate("tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", TAGS)
    assert found["passes"], "axe looked at nothing"
    return [
        f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']]}" for each in found["violations"]
    ]
