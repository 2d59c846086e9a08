"""The console's pages of members, their ledger, programs and runs: one module a noun."""

from loyalty.admin import entries, lots, members, programs, redemptions, runs, tiers

__all__ = ["entries", "lots", "members", "programs", "redemptions", "runs", "tiers"]
