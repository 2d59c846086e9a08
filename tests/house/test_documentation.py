"""Pages that would go stale in silence."""

import re

from tests import server

SETTINGS = (server.ROOT / "loyalty_site" / "settings.py").read_text()
PAGE = (server.ROOT / "docs" / "deploy" / "environment.md").read_text()


def test_every_variable_that_settings_read_is_on_the_page_and_no_other():
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', SETTINGS))
    rows = set(re.findall(r"^\| `([A-Z_]+)`", PAGE, re.MULTILINE))
    outside_settings = {"PG", "REGULARS_VAR", "SHARED_DATA", "CHROMIUM"}

    assert rows - outside_settings == read


def test_a_link_between_pages_leads_somewhere():
    pages = [*server.ROOT.glob("*.md"), *(server.ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(server.ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
