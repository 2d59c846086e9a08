"""Reading and writing JSON."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

from django.http import HttpResponse, RawPostDataException
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from loyalty_site.http.casing import camelized, snaked

_DEPTH = 20


class CamelParser(BaseParser):
    """Strict JSON (RFC 8259) into snake_case names. Numbers with a fraction become decimals, never binary floats."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {})["request"]._request
        try:
            # `body` keeps Django's limit on what is read into memory; the stream has none.
            body = request.body
        except RawPostDataException as error:
            raise ParseError("The body was cut short.") from error
        try:
            value = _decoded(body.decode("utf-8"))
            # What is refused there is written with an escape, or has as many brackets: most bodies have neither.
            if b"\\u" in body or body.count(b"{") + body.count(b"[") >= _DEPTH:
                _check(value, _DEPTH)
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from error
        return snaked(value)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return named


_decoded = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_without_repeats).decode
_written = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def rendered(data: Any) -> bytes:
    """snake_case names into camelCase JSON."""
    return written(camelized(data))


def written(data: Any) -> bytes:
    """The data as JSON, its names as they are."""
    return _encoded(_written(data))


def whole(members: Mapping[str, list[str] | str | None]) -> HttpResponse:
    """An answer of camelCase members, in which each list is of texts that are JSON already."""
    parts = (
        f"{json.dumps(name)}:{'[' + ','.join(value) + ']' if isinstance(value, list) else json.dumps(value)}"
        for name, value in members.items()
    )
    return HttpResponse(_encoded("{" + ",".join(parts) + "}"), content_type=CamelRenderer.media_type)


def _encoded(text: str) -> bytes:
    # These end a line in JavaScript, though not in JSON.
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()


class CamelRenderer(JSONRenderer):
    """snake_case names into camelCase JSON."""

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else rendered(data)


def _check(value: Any, depth: int) -> None:
    """Raise ValueError for what PostgreSQL cannot store as text, and for what is nested too deeply."""
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a text holds the character U+0000")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a text holds half of a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth - 1)
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
