"""Pages: newest first, at the same cost at any depth, behind an opaque signed cursor."""

import base64
import binascii
import json
from typing import Any

from django.core import signing
from django.utils.crypto import constant_time_compare
from rest_framework import serializers

from loyalty_site.refusals import Refusal

DEFAULT_LIMIT = 25
MOST = 100
LONGEST = 2000
_SALT = "regulars.cursor"


class InvalidCursor(Refusal):
    """The cursor is not one of ours, or was given for another list."""

    code = "invalid_cursor"
    status = 400
    sentence = "This cursor does not belong to this list."


class Cursor(serializers.CharField):
    """A cursor as it was given; whatever cannot be one is `InvalidCursor`, not another kind of malformed."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and not (isinstance(data, str) and 0 < len(data) <= LONGEST):
            raise InvalidCursor
        return data if isinstance(data, str) else super().run_validation(data)


class PageQuery(serializers.Serializer[Any]):
    """`limit` (1 to 100, 25 by default) and `cursor` (from `nextCursor` of the page before)."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=DEFAULT_LIMIT)
    cursor = Cursor(required=False)


def cursor_for(position: Any, *, bound_to: Any) -> str:
    """A cursor that leads on from `position`, for this list alone: `bound_to` names endpoint, member and filters."""
    text = json.dumps([position, bound_to], separators=(",", ":"), default=str, sort_keys=True)
    signature = signing.Signer(salt=_SALT).signature(text)
    position_text = json.dumps(position, separators=(",", ":"), default=str)
    packed = json.dumps([position_text, signature], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def position_in(cursor: str, *, bound_to: Any) -> Any:
    """The position in a cursor that was given for this list. Raises `InvalidCursor` for any other."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position_text, signature = json.loads(packed)
        position = json.loads(position_text)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise InvalidCursor from error
    if not isinstance(signature, str) or not constant_time_compare(cursor, cursor_for(position, bound_to=bound_to)):
        raise InvalidCursor
    return position
