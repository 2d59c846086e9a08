"""How news travels: written beside the change, delivered after it, at least once.

An app publishes frozen dataclasses (`events.py` of the app); apps above it subscribe. See
docs/decisions/outbox-relay.md for why this stands beside django-q2.
"""

from loyalty_site.outbox.events import Event
from loyalty_site.outbox.publishing import (
    alongside,
    announce,
    backfilling,
    insert_alongside,
    insert_query,
    insert_where,
    is_backfill,
    is_gathering,
    publish,
    publish_many,
    publish_query,
    together,
)
from loyalty_site.outbox.relaying import Relayed, relay
from loyalty_site.outbox.subscribing import PublishedEvent, Subscriber, subscribe

__all__ = [
    "Event",
    "PublishedEvent",
    "Relayed",
    "Subscriber",
    "alongside",
    "announce",
    "backfilling",
    "insert_alongside",
    "insert_query",
    "insert_where",
    "is_backfill",
    "is_gathering",
    "publish",
    "publish_many",
    "publish_query",
    "relay",
    "subscribe",
    "together",
]
