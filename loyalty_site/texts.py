"""Texts that the database can keep."""

from typing import Any

from loyalty_site.refusals import Refusal


class InvalidText(Refusal):
    """A text that PostgreSQL cannot keep: with a NUL character, or half of a surrogate pair."""

    code = "invalid_text"
    status = 422
    sentence = "Texts must not hold NUL characters or broken Unicode."


def refuse_what_cannot_be_kept(*values: Any) -> None:
    """Raise `InvalidText` where one of the values is, or holds anywhere, such a text."""
    if not all(can_be_kept(value) for value in values):
        raise InvalidText


def can_be_kept(value: Any) -> bool:
    """Whether PostgreSQL can keep every text in the value: a text, or what JSON is made of."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(can_be_kept(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(can_be_kept(part) for part in value)
    return True
