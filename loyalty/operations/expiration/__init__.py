"""The nightly expiry (specs/points.md "Expiry"): who is due, taking it, warning of it, and looking ahead."""

from loyalty.operations.expiration.expiring import CHUNK, Progress, expire
from loyalty.operations.expiration.previewing import Preview, preview
from loyalty.operations.expiration.shortening import expires_sooner, next_night
from loyalty.operations.expiration.warning import last_run_time, run_that_takes

__all__ = [
    "CHUNK",
    "Preview",
    "Progress",
    "expire",
    "expires_sooner",
    "last_run_time",
    "next_night",
    "preview",
    "run_that_takes",
]
