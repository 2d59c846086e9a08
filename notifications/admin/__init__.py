"""The console's pages of messages: one module a noun."""

from notifications.admin import (
    circuits,
    deliveries,
    greetings,
    messages,
    nudge_campaigns,
    nudge_dispatches,
    nudges,
    suppressions,
    templates,
    webhook_deliveries,
    webhook_endpoints,
)

__all__ = [
    "circuits",
    "deliveries",
    "greetings",
    "messages",
    "nudge_campaigns",
    "nudge_dispatches",
    "nudges",
    "suppressions",
    "templates",
    "webhook_deliveries",
    "webhook_endpoints",
]
