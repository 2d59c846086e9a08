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
def job_name(job: str) -> str:
    """`loyalty.expire_points` as "Expire points"."""
    return job.rpartition(".")[2].replace("_", " ").capitalize()
