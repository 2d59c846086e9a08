"""Figures as people read them."""

from typing import Any

from django import template

register = template.Library()


@register.filter
def points(value: Any) -> str:
    """A whole number with its thousands apart."""
    return f"{int(value or 0):,}"


@register.filter
def signed(value: Any) -> str:
    """The same, with its sign."""
    return f"{int(value or 0):+,}" if value else "0"


@register.filter
def share(ratio: float | None) -> str:
    """A share from 0 to 1 as a percentage; a dash where there is none."""
    return "-" if ratio is None else f"{100 * ratio:.1f}\N{NO-BREAK SPACE}%"


@register.filter
def part_of(part: int, whole: int) -> str:
    """So many of so many, as a whole percentage."""
    return f"{round(100 * part / whole)}\N{NO-BREAK SPACE}%" if whole else "-"


@register.filter
def job_name(job: str) -> str:
    """`loyalty.expire_points` as "Expire points"."""
    return job.rpartition(".")[2].replace("_", " ").capitalize()
