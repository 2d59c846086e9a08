"""What a webhook says: `{type, timestamp, data}`, made from the facts of an event."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.utils.module_loading import autodiscover_modules

from loyalty_site.outbox import Event

TEST_KIND = "webhooks.test"

# Facts that tell of a person: words that somebody typed, and how to reach somebody. Ids stay, the card's number too,
# which is how tills and storefronts know a member.
_PERSONAL = re.compile(r"(^|_)(email|phone|address|birth_date|reason|note|description|push_token|user_name)$")
_NAMES = {"first_name", "last_name", "full_name", "name"}


def find_events() -> None:
    """Import every app's `events.py`, so that all kinds are known."""
    autodiscover_modules("events")


def events() -> dict[str, type[Event]]:
    """The events of all apps by kind, in the order of their kinds."""
    found = {
        each.kind: each
        for each in _below(Event)
        if "kind" in vars(each) and apps.get_containing_app_config(each.__module__) is not None
    }
    return dict(sorted(found.items()))


def body(kind: str, facts: Mapping[str, Any]) -> str:
    """The JSON text that is posted, for the facts as an event stores them.

    `timestamp` is when it happened. `merchant_id` stays among the data: one address may serve several merchants.
    """
    told = {name: value for name, value in facts.items() if name != "occurred_at" and not is_personal(name)}
    return json.dumps(
        {"type": kind, "timestamp": facts.get("occurred_at"), "data": told}, ensure_ascii=False, separators=(",", ":")
    )


def is_personal(fact: str) -> bool:
    """Whether a fact of this name tells of a person and is left out."""
    return fact in _NAMES or _PERSONAL.search(fact) is not None


def _below(event: type[Event]) -> Iterator[type[Event]]:
    for each in event.__subclasses__():
        yield each
        yield from _below(each)
