"""The console's pages of members, their ledger, programs and runs: one module a noun."""

from loyalty.admin import checkout, entries, lots, members, programs, redemptions, rewards, runs, tiers

__all__ = ["checkout", "entries", "lots", "members", "programs", "redemptions", "rewards", "runs", "tiers"]
