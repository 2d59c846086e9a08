"""Charts as numbers: where each part of each bar stands in a box of 100 by 100. The template draws them as SVG.

No script draws anything and nothing is fetched; each chart has its figures as a table beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH = HEIGHT = 100
# Of the width that a bar has, what it fills.
_FILLED = 0.8
MOST_BARS = 46


@dataclass(frozen=True, slots=True)
class Part:
    """One coloured part of a bar; `kind` counts the series, and picks the colour."""

    kind: int
    name: str
    value: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its label, where it stands, and its parts from the foot up."""

    label: str
    x: float
    width: float
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of bars. `most` is the value of the full height; `names` are those of the series, `rows` its table."""

    names: list[str]
    most: int
    rows: Sequence[tuple[str, Sequence[int]]]
    bars: list[Bar] = field(default_factory=list)

    @property
    def series(self) -> list[tuple[int, str]]:
        """The legend: the number of each series, and its name."""
        return list(enumerate(self.names))


def stacked(names: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]) -> Chart:
    """Bars whose parts stand on each other: `rows` are labels with a value, 0 or more, for each name."""
    return _chart(names, rows, max((sum(values) for _, values in rows), default=0), side_by_side=False)


def beside(names: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]) -> Chart:
    """Bars whose parts stand beside each other."""
    return _chart(names, rows, max((max(values) for _, values in rows), default=0), side_by_side=True)


def _chart(names: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]], most: int, *, side_by_side: bool) -> Chart:
    chart = Chart(list(names), most, rows)
    step = WIDTH / max(len(rows), 1)
    for number, (label, values) in enumerate(rows):
        left, width = step * number + step * (1 - _FILLED) / 2, step * _FILLED
        if side_by_side:
            each = width / max(len(values), 1)
            for kind, value in enumerate(values):
                chart.bars.append(_bar(label, left + kind * each, each, [(kind, names[kind], value)], most))
        else:
            parts = [(kind, names[kind], value) for kind, value in enumerate(values)]
            chart.bars.append(_bar(label, left, width, parts, most))
    return chart


def _bar(label: str, x: float, width: float, values: list[tuple[int, str, int]], most: int) -> Bar:
    parts, foot = [], float(HEIGHT)
    for kind, name, value in values:
        height = round(HEIGHT * value / most, 3) if most else 0.0
        foot = round(foot - height, 3)
        parts.append(Part(kind, name, value, foot, height))
    return Bar(label, round(x, 3), round(width, 3), parts)


def bundles(count: int) -> int:
    """How many neighbours share a bar, so that there are not more bars than can be told apart."""
    return max(1, -(-count // MOST_BARS))
