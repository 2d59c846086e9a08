"""The poster for a counter or a window: what stands where, for whatever draws it. A4, in points of 1/72 inch."""

import unicodedata
from dataclasses import dataclass

import segno

from loyalty_site.storefront.join.pages import Page

WIDTH, HEIGHT = 595.0, 842.0
_MARGIN = 50.0
_QR = 360.0
_TOP_OF_QR = 265.0

# Widths of Helvetica and Helvetica-Bold from the space to the tilde, in thousandths of the size (Adobe's metrics of the
# standard fonts). What has an accent is as wide as without it.
_PLAIN = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line in the middle of the page; `baseline` is measured from the top."""

    text: str
    size: float
    baseline: float
    is_bold: bool = False

    @property
    def width(self) -> float:
        return width(self.text, self.size, is_bold=self.is_bold)


@dataclass(frozen=True, slots=True)
class Module:
    """A dark stretch of the code: `length` squares to the right of column and row."""

    column: int
    row: int
    length: int


@dataclass(frozen=True, slots=True)
class Poster:
    """Lines and a QR code: `modules`, each `size` wide, whose corner is at `left` and `top`."""

    lines: list[Line]
    modules: list[Module]
    size: float
    left: float
    top: float
    title: str


def made(page: Page, link: str) -> Poster:
    """The poster of a page, whose code leads to `link`."""
    words = page.words
    # Of the levels of correction the one that stands a scratch and still has large squares.
    code = segno.make_qr(link, error="q")
    matrix = [bytes(row) for row in code.matrix]
    size = _QR / len(matrix)
    name = _block(page.merchant.name, size=26, top=95, is_bold=False)
    title = _block(words["title"], size=40, top=name[-1].baseline + 52, is_bold=True)
    invites = words["poster_invited" if page.code else "poster"]
    lines = [
        *name,
        *title,
        *_block(invites, size=20, top=_TOP_OF_QR + _QR + 50, is_bold=False),
        *_block(link.partition("://")[2], size=13, top=HEIGHT - 60, is_bold=False),
    ]
    return Poster(lines, list(_stretches(matrix)), size, (WIDTH - _QR) / 2, _TOP_OF_QR, words["title"])


def width(text: str, size: float, *, is_bold: bool) -> float:
    """How wide the text is in Helvetica of that size."""
    table = _BOLD if is_bold else _PLAIN
    return size * sum(table[place] if (place := _place(each)) is not None else 600 for each in text) / 1000


def _place(character: str) -> int | None:
    place = ord(unicodedata.normalize("NFD", character)[0]) - 32
    return place if 0 <= place < len(_PLAIN) else None


def _block(text: str, *, size: float, top: float, is_bold: bool) -> list[Line]:
    """The text in one line, or broken into two; smaller where it is too wide for that."""
    room = WIDTH - 2 * _MARGIN
    parts = [text]
    if width(text, size, is_bold=is_bold) > room and " " in text:
        spaces = [place for place, each in enumerate(text) if each == " "]
        middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
        parts = [text[:middle], text[middle + 1 :]]
    widest = max(width(part, size, is_bold=is_bold) for part in parts)
    size *= min(1.0, room / widest) if widest else 1.0
    return [Line(part, size, top + number * size * 1.15, is_bold) for number, part in enumerate(parts)]


def _stretches(matrix: list[bytes]) -> "list[Module]":
    found = []
    for row, squares in enumerate(matrix):
        begin = None
        for column, is_dark in enumerate([*squares, 0]):
            if is_dark and begin is None:
                begin = column
            elif not is_dark and begin is not None:
                found.append(Module(begin, row, column - begin))
                begin = None
    return found
