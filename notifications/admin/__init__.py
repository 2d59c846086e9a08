"""The console's pages of messages: one module a noun."""

from notifications.admin import circuits, deliveries, messages, suppressions, templates

__all__ = ["circuits", "deliveries", "messages", "suppressions", "templates"]
