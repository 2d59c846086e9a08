"""A change that is one statement: its Idempotency-Key, what it does and the answer kept for it in one round trip.

The answer is written before the statement runs, with blanks where only the database knows the value, and filled in
there. What is not plain is not done at all, and nobody is refused: then the change is made the longer way, which
knows what to say.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from loyalty_site.http.idempotency import IS_NEW, TAKING
from loyalty_site.http.media import rendered
from loyalty_site.lateral import followed, row_of_second
from loyalty_site.prepared import run

Row = tuple[Any, ...]


class AtOnce:
    """One call with its key. `answer` is a status, a body, and whether it was given before; None: nothing was done."""

    def __init__(self, credential: str, key: str, request_fingerprint: bytes) -> None:
        self.answer: tuple[int, str, bool] | None = None
        self._taken = (credential, key)
        self._fingerprint = request_fingerprint
        self._blanks: list[str] = []

    def shows(self, show: Callable[[Any], Any], *, status: int, about: UUID | None) -> None:
        """How what is made will be shown, with which status, and whom it is about."""
        self._show, self._status, self._about = show, status, about

    def blank(self, column: str) -> Any:
        """What stands in a draft for a number that the statement will return; the first is NULL if it did nothing."""
        self._blanks.append(column)
        # U+0000 is in no text that we take, so no text in an answer is taken for a blank.
        return f"\0{column}"

    def run(self, statement: str, parameters: Sequence[Any], draft: Any) -> Row | None:
        """The row of the statement, where the key was to be had and is new, and the change was made; else None.

        `draft` is what will have been made, with a `blank` for what only the statement knows.
        """
        body = rendered(self._show(draft)).decode()
        kept = [*self._taken, self._fingerprint, self._status, body, self._about]
        [row] = run(_keeping(statement, tuple(self._blanks)), [*self._taken, *parameters, *kept])
        answered, _, known, known_status, known_body = row[:5]
        if answered is not None:
            self.answer = (self._status, answered, False)
            return row_of_second(row[5:])
        if known is not None and known_body is not None and bytes(known) == self._fingerprint:
            self.answer = (known_status, known_body, True)
        return None


@lru_cache(64)
def _keeping(statement: str, blanks: tuple[str, ...]) -> str:
    body = "%s::text"
    for column in blanks:
        body = f"""replace({body}, '"\\u0000{column}"', done.{column}::text)"""
    return f"""
        WITH done AS MATERIALIZED ({followed(TAKING, statement, IS_NEW)}), kept AS (
            INSERT INTO idempotent_answers (credential, key, fingerprint, status, body, customer_id, created_at)
            SELECT %s, %s, %s, %s, {body}, %s::uuid, now() FROM done WHERE done.{blanks[0]} IS NOT NULL
            RETURNING idempotent_answers.body
        )
        SELECT (SELECT kept.body FROM kept), done.* FROM done"""
