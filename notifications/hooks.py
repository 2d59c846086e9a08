"""Where parts of this app that the sender does not know hear what it did."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Attempt(NamedTuple):
    """One channel tried for a message of a nudge. `outcome`: sent, deferred, failed, skipped or suppressed."""

    message_id: UUID
    nudge_id: UUID
    channel: str
    at: datetime
    outcome: str
    provider_id: str
    error: str


AttemptHook = Callable[[Sequence[Attempt]], None]

_on_attempt: list[AttemptHook] = []


def on_attempt(hook: AttemptHook) -> AttemptHook:
    """Have `hook` called with the attempts of messages that have a nudge, inside the transaction that records them.

    It changes rows and returns. Registered from `AppConfig.ready`.
    """
    if hook not in _on_attempt:
        _on_attempt.append(hook)
    return hook


def withdraw(hook: AttemptHook) -> None:
    """Call it no more: for tests that listen for a while."""
    _on_attempt.remove(hook)


def attempted(attempts: Sequence[Attempt]) -> None:
    """Tell of these attempts."""
    if attempts:
        for hook in _on_attempt:
            hook(attempts)
