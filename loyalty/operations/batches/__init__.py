"""Many operations of one till in one go: read all, decide in order, post once."""

from loyalty.operations.batches.running import Operation, Outcome, run

__all__ = ["Operation", "Outcome", "run"]
