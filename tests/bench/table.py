"""The table: what was measured, the bound or the other form beside it, the ratio, the bar, and whether it is met."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line. `bar` is text for the reader; `met` is None where there is nothing to meet."""

    what: str
    project: str
    bound: str = ""
    ratio: str = ""
    bar: str = ""
    met: bool | None = None


def at_least(what: str, pairs: Sequence[tuple[float, float]], least: float | None, unit: str = "/s") -> Row:
    """A row of paired measurements: the median of their ratios is held to `least`, if to anything."""
    ratio = statistics.median(project / bound for project, bound in pairs)
    spread = sorted(project / bound for project, bound in pairs)
    return Row(
        what,
        project=f"{statistics.median(project for project, _ in pairs):,.0f}{unit}",
        bound=f"{statistics.median(bound for _, bound in pairs):,.0f}{unit}",
        ratio=f"{ratio:.2f} ({spread[0]:.2f} to {spread[-1]:.2f})" if ratio < 10 else f"{ratio:.0f} x",
        bar="" if least is None else f">= {least:g}",
        met=None if least is None else ratio >= least,
    )


def median_at_least(what: str, figures: Sequence[float], least: float, unit: str) -> Row:
    """A row of one figure, measured several times, whose median must reach `least`."""
    median = statistics.median(figures)
    beside = f"{min(figures):,.0f} to {max(figures):,.0f}"
    return Row(what, f"{median:,.0f}{unit}", beside, "", f">= {least:,}{unit}", median >= least)


def at_most(what: str, value: float, most: float, unit: str, *, beside: str = "", shown: str = "") -> Row:
    """A row of one figure that must not pass `most`."""
    return Row(what, shown or f"{value:,.2f}{unit}", beside, "", f"<= {most:g}{unit}", value <= most)


def show(rows: Sequence[Row], write: Callable[[str], object] = print) -> None:
    """Write the table, as Markdown that also reads well on a terminal."""
    head = ["what", "project", "bound or other form", "ratio", "bar", "met"]
    said = {True: "yes", False: "**no**", None: ""}
    lines = [head, *([row.what, row.project, row.bound, row.ratio, row.bar, said[row.met]] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def write_line(cells: Sequence[str]) -> None:
        write("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |")

    write_line(head)
    write("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for line in lines[1:]:
        write_line(line)
