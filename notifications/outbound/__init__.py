"""Calls to addresses that somebody else chose: a merchant's endpoint, a browser's push service."""

from notifications.outbound.addresses import TargetRefused, checked
from notifications.outbound.client import Answer, CallFailed, OutboundClient, client, retry_after

__all__ = ["Answer", "CallFailed", "OutboundClient", "TargetRefused", "checked", "client", "retry_after"]
