"""The console's pages of messages: one module a noun."""

from notifications.admin import templates

__all__ = ["templates"]
