"""When the business says no."""

from typing import Any, ClassVar


class Refusal(Exception):
    """A request that is well formed and still not granted.

    `code` is stable: callers and translations go by it; `detail` is a sentence for a person. A subclass stands
    beside the rule that raises it. `status` is the HTTP status a door answers with (RFC 9110: 409 where the state
    of things forbids it, 422 where the request itself does, 404 where there is nothing). `told` names the facts that
    stand in a door's answer beside the sentence.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    sentence: ClassVar[str] = "This is not possible."
    told: ClassVar[tuple[str, ...]] = ()

    def __init__(self, detail: str = "", **facts: Any) -> None:
        self.detail = detail or self.sentence
        self.facts = facts
        super().__init__(self.detail)


class NotFound(Refusal):
    """Nothing there, or nothing there for this merchant: the caller is not told which."""

    code = "not_found"
    status = 404
    sentence = "There is nothing here."
