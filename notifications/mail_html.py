"""From what somebody wrote to a mail that every program shows: cleaned, framed, its CSS inlined; and its text part."""

import re
from collections.abc import Mapping
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import css_inline
import nh3
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

from notifications.template_language import written

SOURCES = Path(settings.BASE_DIR) / "fixtures" / "notifications"

_SPACE = re.compile(r"[ \t\r\n\f]+")
_BLOCKS = frozenset(
    {"p", "div", "h1", "h2", "h3", "h4", "ul", "ol", "table", "tr", "blockquote", "hr", "pre", "thead", "tbody"}
)
_TAGS = _BLOCKS | {
    "a", "abbr", "b", "br", "code", "em", "i", "img", "li", "s", "small", "span", "strong", "sub", "sup", "td",
    "th", "u",
}  # fmt: skip
_STYLES = {
    "background-color", "border", "border-radius", "color", "font-size", "font-style", "font-weight", "line-height",
    "margin", "margin-bottom", "margin-top", "max-width", "padding", "text-align", "text-decoration", "width",
}  # fmt: skip
# What a mail may not hold vanishes with what stands in it; of any other tag unknown here the text stays.
_WITH_CONTENT = {
    "script",
    "style",
    "title",
    "head",
    "iframe",
    "object",
    "textarea",
    "select",
    "svg",
    "template",
}

_cleaner = nh3.Cleaner(
    tags=set(_TAGS),
    clean_content_tags=_WITH_CONTENT,
    attributes={
        "*": {"style", "title"},
        "a": {"href"},
        "img": {"src", "alt", "width", "height"},
        "td": {"align", "valign", "colspan", "width"},
        "th": {"align", "valign", "colspan", "width"},
        "table": {"width"},
    },
    allowed_classes={"p": {"button", "small", "lead"}, "span": {"small"}},
    filter_style_properties=_STYLES,
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel=None,
)
# Nothing is fetched, whatever a style names.
_inliner = css_inline.CSSInliner(keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False)


def cleaned(html: str) -> SafeString:
    """The markup with what a mail may hold: no scripts, forms or frames, links of http, https and mailto alone."""
    return mark_safe(_cleaner.clean(html))  # noqa: S308 (that is what the cleaner is for)


def left_out(html: str) -> list[str]:
    """The tags of the markup that `cleaned` takes away, by name."""
    before, after = _Tags(), _Tags()
    before.feed(html)
    after.feed(cleaned(html))
    return sorted(set(before.names) - set(after.names) - {"tbody"})


def framed(body: SafeString, footer: SafeString, *, subject: str, locale: str, context: Mapping[str, Any]) -> str:
    """The whole mail around a cleaned body, its CSS inlined; what is for dark screens stays in a style element."""
    around = {**context, "body": body, "footer": footer, "subject": subject, "locale": locale}
    return str(_inliner.inline(written(source("frame.html"), around, as_html=True)))


@cache
def source(name: str) -> str:
    """A file of the house's own texts."""
    return (SOURCES / name).read_text(encoding="utf-8")


def as_text(html: str) -> str:
    """What the markup says, to be read as plain text: paragraphs apart, lists with dashes, links with their addresses.

    Of a template as well: what stands in braces is left as it is.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._paragraphs: list[str] = []
        self._line = ""
        self._href = ""
        self._link_begins = 0
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _WITH_CONTENT:
            self._silent += 1
        if tag in _BLOCKS:
            self._end()
        elif tag == "li":
            self._end(together=True)
            self._line = "- "
        elif tag == "br":
            self._line = self._line.rstrip() + "\n"
        elif tag in ("td", "th") and self._line:
            self._line += " "
        elif tag == "a":
            self._href = (dict(attrs).get("href") or "").removeprefix("mailto:")
            self._link_begins = len(self._line)
        elif tag == "img":
            self._line += dict(attrs).get("alt") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in _WITH_CONTENT:
            self._silent = max(0, self._silent - 1)
        if tag in _BLOCKS:
            self._end()
        elif tag == "li":
            self._end(together=True)
        elif tag == "a" and self._href:
            if self._line[self._link_begins :].strip() != self._href:
                self._line = f"{self._line.rstrip()} <{self._href}>"
            self._href = ""

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        # Of spaces that do not break a line, none is lost.
        data = _SPACE.sub(" ", data)
        if not self._line or self._line[-1] in " \n":
            data = data.removeprefix(" ")
        self._line += data

    def text(self) -> str:
        self._end()
        return "\n".join(self._paragraphs).strip()

    def _end(self, *, together: bool = False) -> None:
        """End the line; the next one stands apart, unless they are of one list."""
        if self._line.strip():
            self._paragraphs.append(self._line.strip())
        self._line = ""
        if not together and self._paragraphs and self._paragraphs[-1]:
            self._paragraphs.append("")
