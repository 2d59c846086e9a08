"""Who hears of what."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID


class PublishedEvent(NamedTuple):
    """An event as a subscriber gets it. `facts` are the event's fields, as JSON has them."""

    id: UUID
    kind: str
    merchant_id: UUID | None
    facts: dict[str, Any]
    backfill: bool
    created_at: datetime


Handler = Callable[[list[PublishedEvent]], None]


@dataclass(frozen=True)
class Subscriber:
    """A function that hears of some kinds. Its `name` is what an event remembers having been delivered to."""

    name: str
    kinds: frozenset[str]
    handler: Handler


_by_kind: defaultdict[str, list[Subscriber]] = defaultdict(list)


def subscribe(*kinds: str) -> Callable[[Handler], Handler]:
    """Have the relay call the decorated function with lists of events of these kinds.

    It runs inside a transaction that also marks the events as delivered to it: it changes rows and returns, and
    calls nobody outside. It may hear of an event again, and of events in any order. Import the module that
    subscribes from the app's `AppConfig.ready`.
    """
    if not kinds:
        raise TypeError("Say which kinds of event to subscribe to.")

    def register(handler: Handler) -> Handler:
        name = f"{handler.__module__}.{handler.__qualname__}"
        subscriber = Subscriber(name, frozenset(kinds), handler)
        for kind in subscriber.kinds:
            if any(other.name == name for other in _by_kind[kind]):
                raise ValueError(f"{name} subscribes to {kind} twice.")
            _by_kind[kind].append(subscriber)
        return handler

    return register


def unsubscribe(handler: Handler) -> None:
    """Forget a subscriber: for tests and benches that bring their own."""
    for subscribers in _by_kind.values():
        subscribers[:] = [each for each in subscribers if each.handler is not handler]


def subscribers_to(kinds: Iterable[str]) -> dict[str, list[Subscriber]]:
    """For each of the kinds, who hears of it."""
    return {kind: _by_kind.get(kind, []) for kind in kinds}
