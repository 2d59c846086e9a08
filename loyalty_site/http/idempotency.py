"""Idempotency-Key: a change that is asked for again is answered again, and not made again."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.request import Request

from loyalty_site.http.models import IdempotentAnswer
from loyalty_site.lateral import Reading, followed, row_of_second
from loyalty_site.prepared import run
from loyalty_site.refusals import Refusal

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LONGEST = 255
KEPT = timedelta(hours=48)

# The key of a credential, and where it holds that the key was to be had and came never before.
TAKING = "http_take_key_v1(%s, %s) k"
IS_NEW = "k.taken AND k.fingerprint IS NULL"


class InvalidIdempotencyKey(Refusal):
    """The header is empty, too long, or not printable ASCII."""

    code = "invalid_idempotency_key"
    status = 400
    sentence = "The Idempotency-Key must be 1 to 255 printable ASCII characters."


class IdempotencyKeyReused(Refusal):
    """The key came before with another request."""

    code = "idempotency_key_reused"
    status = 422
    sentence = "This Idempotency-Key was used before for another request."


class RequestRunning(Refusal):
    """Another request with the key is being answered at this moment. `facts`: retry_after, seconds."""

    code = "request_running"
    sentence = "A request with this Idempotency-Key is running; ask again in a moment."


class Forgotten(Refusal):
    """The answer was of a person who has been forgotten since."""

    code = "forgotten"
    status = 410
    sentence = "This request was answered, and the person it was about has been forgotten since."


def key_of(request: Request) -> str | None:
    """The key in the header; None without one. Raises `InvalidIdempotencyKey`."""
    key: str | None = request._request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise InvalidIdempotencyKey
    return key


_asked = json.JSONEncoder(sort_keys=True, default=str, separators=(",", ":")).encode


def fingerprint(request: Request) -> bytes:
    """32 bytes that stand for method, path, query and the body as parsed: spaces and order do not count."""
    asked = _asked([request.method, request.get_full_path(), request.data])
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class Taken:
    """A key that was taken: the answer given before, its status and body, or None; else the row that was read."""

    known: tuple[int, str] | None
    row: tuple[Any, ...] | None


def take(credential: str, key: str, request_fingerprint: bytes, reading: Reading | None = None) -> Taken:
    """Take the key for this transaction, and read what the change begins with in the same round trip.

    `reading` is a SELECT of one row at most; it is not run for a key that is known or not to be had. Raises
    `RequestRunning`, `IdempotencyKeyReused`, `Forgotten`.
    """
    statement, parameters = f"SELECT * FROM {TAKING}", [credential, key]
    if reading is not None:
        statement = followed(TAKING, reading[0], IS_NEW)
        parameters += reading[1]
    [(taken, known, status, body, *rest)] = run(statement, parameters)
    if not taken:
        raise RequestRunning(retry_after=1)
    if known is None:
        return Taken(None, row_of_second(rest))
    if bytes(known) != request_fingerprint:
        raise IdempotencyKeyReused
    if body is None:
        raise Forgotten
    return Taken((status, body), None)


def read(reading: Reading) -> tuple[Any, ...] | None:
    """The row of the reading by itself, for a change without a key."""
    rows = run(*reading)
    return rows[0] if rows else None


def keeping(
    credential: str, key: str, request_fingerprint: bytes, status: int, body: bytes, customer_id: UUID | None
) -> tuple[str, list[Any]]:
    """The statement that stores an answer, for the transaction of the change it tells of."""
    statement = (
        "INSERT INTO idempotent_answers (credential, key, fingerprint, status, body, customer_id, created_at) "
        "VALUES (%s, %s, %s, %s, %s, %s::uuid, now())"
    )
    return statement, [credential, key, request_fingerprint, status, body.decode(), customer_id]


def purge() -> int:
    """Delete answers that are older than we promise to keep them; returns how many."""
    return IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]
