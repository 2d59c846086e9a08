"""Small things that lists and pages show alike."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe


def pill(text: Any, kind: str | None = None) -> SafeString:
    """A word on a coloured ground: info, success, warning, danger, primary."""
    return mark_safe(render_to_string("unfold/helpers/label.html", {"text": text, "type": kind}).strip())  # noqa: S308 (the template escapes)
