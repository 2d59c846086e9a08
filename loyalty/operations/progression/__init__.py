"""What the hourly job does: the weekly streak and the tiers (specs/points.md "Streak", "Tiers")."""

from loyalty.operations.progression.advancing import advance, preview, retier

__all__ = ["advance", "preview", "retier"]
