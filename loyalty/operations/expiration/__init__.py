"""The nightly expiry (specs/points.md "Expiry"): who is due, taking it, warning of it, and looking ahead."""

from loyalty.operations.expiration.expiring import CHUNK, Progress, expire
from loyalty.operations.expiration.previewing import Preview, preview

__all__ = ["CHUNK", "Preview", "Progress", "expire", "preview"]
